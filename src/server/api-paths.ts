import type { ClusterRegistry } from '../clusters/registry.js';
import type { ApiPaths } from '../endpoints/own-endpoint.js';
import { apiPath, contextPath } from './mounts.js';

/** The path prefix for requests to the API server of `/`, without a final slash. */
export function rootPath(
  { apiPrefix, appendServerPath }: { readonly apiPrefix: string; readonly appendServerPath: boolean },
  registry: Pick<ClusterRegistry, 'default'>,
): string {
  // Clients send the path of the server's URL themselves, as they do to kubectl proxy.
  const serverPath = appendServerPath ? '' : (registry.default.endpoint?.config.server.path ?? '');
  return apiPath(apiPrefix) + serverPath;
}

/** Says at which paths callers reach the API servers. */
export function createApiPaths(options: Parameters<typeof rootPath>[0], registry: ClusterRegistry): ApiPaths {
  return {
    get root() {
      return rootPath(options, registry);
    },
    of: name => (registry.names.has(name) ? contextPath(name) : rootPath(options, registry)),
  };
}
