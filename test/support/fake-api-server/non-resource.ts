import type { Cluster } from './cluster.js';
import { serveDiscovery } from './discovery.js';
import { type Exchange, sendText } from './exchange.js';
import { serveOpenApi } from './openapi.js';
import { methodNotAllowed } from './status-failure.js';

const root = {
  paths: ['/api', '/api/v1', '/apis', '/healthz', '/livez', '/metrics', '/openapi/v3', '/readyz', '/version'],
};
const version = { major: '1', minor: '34', gitVersion: 'v1.34.9', platform: 'linux/amd64' };
const metrics =
  '# HELP apiserver_ready Whether it is ready.\n# TYPE apiserver_ready gauge\napiserver_ready 1\n';
const metricsType = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

/**
 * Answers paths that are not resources: root, version, health, metrics, OpenAPI and discovery; others get a 404 in plain text. Version and
 * discovery accept GET alone, and the others any method.
 */
export function serveNonResource({ api }: Cluster, exchange: Exchange): void {
  const { path, verb } = exchange.attributes;
  const [, endpoint] = /^\/(healthz|livez|readyz)$/.exec(path) ?? [];
  if (verb !== 'get' && /^\/(version|api|apis)\/?$|^\/api\/v1\/?$|^\/apis\/[^/]+\/[^/]+\/?$/.test(path)) {
    throw methodNotAllowed();
  }
  if (path === '/') {
    sendText(exchange, 200, JSON.stringify(root, null, 2), 'application/json');
  } else if (path === '/version' || path === '/version/') {
    sendText(exchange, 200, JSON.stringify(version, null, 2), 'application/json');
  } else if (endpoint !== undefined) {
    const verbose = `[+]ping ok\n[+]etcd ok\n${endpoint} check passed\n`;
    sendText(exchange, 200, exchange.query.has('verbose') ? verbose : 'ok');
  } else if (path === '/metrics') {
    sendText(exchange, 200, metrics, metricsType);
  } else if (!serveOpenApi(exchange, api) && !serveDiscovery(exchange, api)) {
    sendText(exchange, 404, '404 page not found\n');
  }
}
