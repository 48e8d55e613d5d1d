import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';

/** The content codings of an answer. Each file exists in each of these forms. */
type Coding = 'br' | 'gzip' | 'identity';

/**
 * The smallest form that an Accept-Encoding accepts (RFC 9110, section 12.5.3). The only weight that counts is 0, which rejects a coding.
 */
export function preferredCoding(acceptEncoding: string | undefined): Coding {
  const accepted = (acceptEncoding ?? '')
    .toLowerCase()
    .split(',')
    .filter(item => !/;\s*q=0(?:\.0*)?\s*$/.test(item))
    .map(item => item.split(';')[0]?.trim());
  if (accepted.includes('br')) return 'br';
  return accepted.includes('gzip') ? 'gzip' : 'identity';
}

/** One file of the page, in each form in which it is sent. */
interface ExplorerFile {
  readonly headers: Readonly<Record<string, string>>;
  readonly codings: Readonly<Record<Coding, { readonly content: Buffer; readonly etag: string }>>;
}

/** Files by their names below the page's path. The page itself has an empty name. */
type ExplorerFiles = ReadonlyMap<string, ExplorerFile>;

/** The folder to which the build writes them, beside the bundle that contains this code. */
const built = new URL('explorer/', import.meta.url);

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Allows only the page's own files, and requests to this origin's API and to these other origins. Trusted Types are required and no policy
 * creates any, so no script can turn a string into markup. No page can put this one into a frame.
 */
export function pagePolicy(origins: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    ["connect-src 'self'", ...origins].join(' '),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}

/** A page that opens this one gets no reference to it. */
const pageHeaders = {
  'Cache-Control': 'no-cache',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
};

/** The names of all other files contain a hash of their content. */
const hashedHeaders = { 'Cache-Control': 'public, max-age=31536000, immutable' };

/** Reads all files of the page, half a megabyte in all. There are none if the page was not built. */
export async function readExplorerFiles(folder = built): Promise<ExplorerFiles> {
  const names = await readdir(folder).catch((): string[] => []);
  const plain = names.filter(name => extname(name) in types);
  return new Map(
    await Promise.all(
      plain.map(async (name): Promise<[string, ExplorerFile]> => {
        const isPage = name === 'index.html';
        const [identity, gzip, br] = await Promise.all(
          ['', '.gz', '.br'].map(async end => {
            const content = await readFile(new URL(name + end, folder));
            const hash = createHash('sha256').update(content).digest('base64url');
            return { content, etag: `"${hash}"` };
          }),
        );
        if (identity === undefined || gzip === undefined || br === undefined) throw new Error(name);
        const headers = {
          'Content-Type': types[extname(name)] as string,
          'Referrer-Policy': 'no-referrer',
          ...(isPage ? pageHeaders : hashedHeaders),
        };
        return [isPage ? '' : name, { headers, codings: { identity, gzip, br } }];
      }),
    ),
  );
}
