import { readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { send } from '@fastify/send';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { noSniff } from '../http/header-fields.js';
import { StatusError } from '../kubernetes/status.js';
import type { RequestTarget } from '../request/request-path.js';

/** The folder of --www, and the path at which it is served. */
export interface StaticFilesOptions {
  /** Absolute path without symbolic links. */
  readonly folder: string;
  /** Begins and ends with a slash. The path as sent begins with it. */
  readonly wwwPrefix: string;
  /** The route for every path below the prefix. */
  readonly route: string;
}

/**
 * Serves a folder as kubectl's `--www` does (net/http's FileServer): index.html, else a listing. Only files inside the folder are served,
 * whatever the path or a symbolic link says.
 */
export const staticFiles = fp(registerStaticFiles, { name: 'static-files' });

async function registerStaticFiles(app: FastifyInstance, options: StaticFilesOptions): Promise<void> {
  const { folder, wwwPrefix, route } = options;
  app.get(route, async (request, reply) => {
    const { path } = request.context.path.received;
    const file = await realpath(join(folder, path.slice(wwwPrefix.length))).catch(() => undefined);
    if (file === undefined || (file !== folder && !file.startsWith(folder + sep))) throw notFound(path);
    const found = await stat(file);
    if (found.isFile()) return sendFile(request, reply, folder, file);
    // Opening a FIFO blocks one of the four threads that all file operations share. Reading a device may never end, and a socket cannot
    // be opened.
    if (!found.isDirectory()) throw notFound(path);
    if (!path.endsWith('/')) return reply.redirect(withFinalSlash(request.context.path.received), 301);
    const index = join(file, 'index.html');
    const hasIndex = await stat(index).then(
      entry => entry.isFile(),
      () => false,
    );
    return hasIndex && (await realpath(index)) === index
      ? sendFile(request, reply, folder, index)
      : reply.type('text/html; charset=utf-8').send(await listing(file));
  });
}

/** The target with a single leading slash: a redirect to a target with two would name another host. */
function withFinalSlash({ raw, rawPath }: RequestTarget): string {
  return `${rawPath.replace(/^\/+/, '/')}/${raw.slice(rawPath.length)}`;
}

async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  folder: string,
  file: string,
): Promise<FastifyReply> {
  const path = relative(folder, file).split(sep).map(encodeURIComponent).join('/');
  const { statusCode, headers, stream } = await send(request.raw, path, {
    root: folder,
    dotfiles: 'allow',
    index: false,
  });
  if (statusCode === 404) throw notFound(request.context.path.received.path);
  // The type comes from the file's name, as with kubectl, and browsers may know better.
  reply.removeHeader(noSniff[0]);
  return reply.code(statusCode).headers(headers).send(stream);
}

async function listing(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.map(entry => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  const links = names.map(
    name => `<a href="./${encodeURIComponent(name).replace(/%2F$/, '/')}">${escapeHtml(name)}</a>\n`,
  );
  return `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${links.join('')}</pre>\n`;
}

function notFound(path: string): StatusError {
  return new StatusError(404, `${path} is not served here`);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`);
}
