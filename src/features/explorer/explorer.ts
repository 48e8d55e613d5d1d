import type { OwnEndpoint } from '../../endpoints/own-endpoint.js';
import { StatusError } from '../../kubernetes/status.js';
import type { ExplorerOptions } from './options.js';
import { isPageName, issuersOffered, signInOrigins } from './sign-in.js';

const folder = '/-/ui/';

/** The page that shows the API in a browser. It contains no data: it requests everything that it shows with the credentials of its user. */
export const explorer = {
  name: 'ui/',
  title: 'the API in the browser',
  access: 'public',
  isForPeople: true,
  isServed: options => options.explorer,
  create(parts, options) {
    const issuers = issuersOffered(parts, options);
    let reading: ReturnType<typeof readFiles> | undefined;
    return async (request, reply) => {
      const { path } = request.context.path.received;
      // Relative, because the proxy may have another path from outside.
      if (path === '/-/ui') return reply.redirect('ui/', 301);
      // Files are read at the first request, because most programs never get one.
      reading ??= readFiles();
      const { files, preferredCoding, pagePolicy } = await reading;
      const name = path.slice(folder.length);
      const isPage = isPageName(name);
      const file = files.get(isPage ? '' : name);
      if (file === undefined) throw new StatusError(404, `${path} is not served here`);
      const coding = preferredCoding(request.headers['accept-encoding']);
      const { content, etag } = file.codings[coding];
      reply.headers({ ...file.headers, Vary: 'Accept-Encoding' });
      const origins = isPage ? signInOrigins(issuers()) : [];
      if (isPage) reply.header('Content-Security-Policy', pagePolicy(origins));
      // A browser that has the page could keep another policy with it.
      if (origins.length === 0) reply.header('ETag', etag);
      if (origins.length === 0 && request.headers['if-none-match']?.includes(etag))
        return reply.code(304).send();
      if (coding !== 'identity') reply.header('Content-Encoding', coding);
      return content;
    };
  },
} as const satisfies OwnEndpoint<ExplorerOptions>;

async function readFiles() {
  const { pagePolicy, preferredCoding, readExplorerFiles } = await import('./page-files.js');
  return { files: await readExplorerFiles(), pagePolicy, preferredCoding };
}
