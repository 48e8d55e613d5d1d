import type { OwnEndpoint } from '../../endpoints/own-endpoint.js';
import type { Feature } from '../../feature.js';
import { impersonationOf } from '../../kubernetes/impersonation.js';
import { StatusError } from '../../kubernetes/status.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { Operation } from '../../request/context.js';
import { attributesOf } from '../../reviews/attributes.js';
import { type Objection, Objections } from '../common/objections.js';
import { type ExplorerOptions, options, problems } from './options.js';
import { isPageName, issuersOffered, signIn, signInOrigins } from './sign-in.js';

/** Maximum number of requests in one question. */
const mostRequests = 100;
const usage =
  'ask as /-/rules?request=GET%20/api/v1/pods, with up to 100 times request=METHOD%20TARGET, each for an API server';

/** METHOD TARGET, as the first line of a request has them. */
const firstLine = /^([A-Z]{1,20}) (\/[!-~]*)$/;

/**
 * Which requests of the caller the proxy would refuse, by its own rules, by the authorizers that are asked before the API server, which
 * `alsoDecide` names, or because it may not do it itself: `{"requests": [{"request", "allowed", "reason", "message", "note"}]}`, in the order
 * of the question. A note says what a feature does with the answer. The API server's own answer may still be a 403.
 */
export const rules = {
  name: 'rules',
  title: 'whether a rule of this proxy refuses a request',
  access: 'caller',
  create({ destinationOf, rejectionOf, reviews, missingRights, noteOn }) {
    const objections = new Objections({ reviews, missingRights });
    const answerTo = async (request: string, caller: UserInfo | undefined) => {
      const [, method = '', target = ''] = firstLine.exec(request) ?? [];
      if (method === '') throw new StatusError(400, usage);
      const destination = destinationOf(target);
      const operation = new Operation({ method, rawHeaders: [] }, destination, target);
      if (!destination.mount.isApi) throw new StatusError(400, usage);
      const { ambiguity } = operation.path.received;
      if (ambiguity !== undefined) throw new StatusError(400, ambiguity);
      const rejection = rejectionOf(operation) ?? (await objectionTo(objections, operation, caller));
      if (rejection === undefined) return { request, allowed: true, note: noteOn(operation) };
      return { request, allowed: false, reason: rejection.reason, message: rejection.message };
    };
    return async ({ context }, reply) => {
      const requests = new URLSearchParams(context.path.received.query).getAll('request');
      if (requests.length === 0 || requests.length > mostRequests) throw new StatusError(400, usage);
      reply.headers({ 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
      const { authorizer } = reviews;
      const answers: object[] = [];
      // One after the other: others ask the same servers.
      for (const request of requests) answers.push(await answerTo(request, context.caller));
      const answer = {
        requests: answers,
        ...(authorizer !== undefined && { alsoDecide: [authorizer.title] }),
      };
      return `${JSON.stringify(answer, undefined, 2)}\n`;
    };
  },
} as const satisfies OwnEndpoint;

/**
 * What stands against an operation of a caller that no rule rejects. Undefined if there is nothing, if its cluster cannot be opened, and where
 * callers are not authenticated.
 */
async function objectionTo(
  objections: Objections,
  operation: Operation,
  caller: UserInfo | undefined,
): Promise<Objection | undefined> {
  const { cluster, mount, path } = operation;
  if (caller === undefined) return undefined;
  const endpoint = await Promise.resolve(operation.openCluster()).catch(() => undefined);
  if (endpoint === undefined) return undefined;
  return objections.to({
    ...{ cluster, as: impersonationOf(caller) },
    attributes: attributesOf(path.info, path.forServer.query),
    access: { judgedFor: endpoint.identity, namesContext: mount.namesContext },
  });
}

const folder = '/-/ui/';

/** The page that shows the API in a browser. It contains no data: it requests everything that it shows with the credentials of its user. */
export const page = {
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

/** A page that shows the API in a browser, and what it asks the proxy. */
export const explorer = {
  name: 'explorer',
  options,
  problems,
  endpoints: [page, signIn, rules],
} as const satisfies Feature<ExplorerOptions>;
