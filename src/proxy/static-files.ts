import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { StatusError } from '../kubernetes/status.js';

/** The folder of --www and the prefix it is served under. */
export interface StaticFilesOptions {
  /** Absolute path with no symbolic link in it. */
  readonly folder: string;
  /** With both slashes. */
  readonly wwwPrefix: string;
}

/**
 * Serves a folder as kubectl's `--www` does: index.html, else a listing. Nothing outside of the folder is served, also where a symbolic
 * link points there.
 */
export async function staticFiles(
  app: FastifyInstance,
  { folder, wwwPrefix }: StaticFilesOptions,
): Promise<void> {
  app.addHook('preHandler', async request => {
    const below = request.target.path.slice(wwwPrefix.length);
    const file = await realpath(join(folder, below)).catch(() => undefined);
    if (file !== undefined && file !== folder && !file.startsWith(folder + sep)) {
      throw new StatusError(404, `${request.target.path} is not served here`);
    }
  });
  await app.register(fastifyStatic, {
    root: folder,
    prefix: wwwPrefix,
    redirect: true,
    dotfiles: 'allow',
    list: {
      format: 'html',
      render: (folders, files) =>
        `<pre>\n${[...folders.map(({ name }) => `${name}/`), ...files.map(({ name }) => name)]
          .map(name => `<a href="./${encodeURI(name)}">${escapeHtml(name)}</a>\n`)
          .join('')}</pre>\n`,
    },
  });
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`);
}
