import type { FakeApiServerOptions } from './fake-api-server.js';
import { type ProxiedApiServer, startProxiedApiServer } from './proxied-api-server.js';
import { createServingFiles, type ServingFiles } from './serving-files.js';

/** An embedded API server, and the built program in front of it that serves TLS. */
export interface TlsProxy extends ProxiedApiServer {
  readonly files: ServingFiles;
  /** The authority's certificate as PEM, for clients. */
  readonly ca: string;
}

/** Starts both; closing also removes the files. */
export async function startTlsProxy(
  args: readonly string[] = [],
  options: FakeApiServerOptions = {},
  given?: ServingFiles,
): Promise<TlsProxy> {
  const files = given ?? (await createServingFiles());
  const proxied = await startProxiedApiServer(options, [...files.flags, ...args]);
  return {
    ...proxied,
    files,
    ca: files.authority.certificate,
    async close() {
      await proxied.close();
      await files.remove();
    },
  };
}
