import { readFixture } from '../project.js';
import type { Cluster } from './cluster.js';
import { serveDiscovery } from './discovery.js';
import { type Exchange, sendText } from './exchange.js';
import { serveOpenApi } from './openapi.js';
import { methodNotAllowed } from './status-failure.js';

interface ServerTexts {
  readonly root: unknown;
  readonly version: unknown;
  readonly livez: string;
  readonly metrics: string;
}

const texts = readFixture<ServerTexts>('server-texts.json');
const metricsType = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';
const health = /^\/(healthz|livez|readyz)(?:\/(.+))?$/;

function serveHealth(exchange: Exchange, endpoint: string, check: string | undefined): void {
  const known = check === undefined || texts.livez.includes(`[+]${check} ok\n`);
  if (!known) {
    sendText(exchange, 404, '404 page not found\n');
  } else if (check === undefined && exchange.query.has('verbose')) {
    sendText(exchange, 200, texts.livez.replace('livez check passed', `${endpoint} check passed`));
  } else {
    sendText(exchange, 200, 'ok');
  }
}

/**
 * Answers paths that are not resources: root, version, health, metrics, OpenAPI and discovery; others get a 404 in plain text. Version and
 * discovery accept GET alone, and the others any method.
 */
export function serveNonResource({ api }: Cluster, exchange: Exchange): void {
  const { path, verb } = exchange.attributes;
  const [, endpoint, check] = health.exec(path) ?? [];
  if (verb !== 'get' && /^\/(version|api|apis)\/?$|^\/api\/v1\/?$|^\/apis\/[^/]+\/[^/]+\/?$/.test(path)) {
    throw methodNotAllowed();
  }
  if (path === '/') {
    sendText(exchange, 200, JSON.stringify(texts.root, null, 2), 'application/json');
  } else if (path === '/version' || path === '/version/') {
    sendText(exchange, 200, JSON.stringify(texts.version, null, 2), 'application/json');
  } else if (endpoint !== undefined) {
    serveHealth(exchange, endpoint, check);
  } else if (path === '/metrics') {
    sendText(exchange, 200, texts.metrics, metricsType);
  } else if (!serveOpenApi(exchange, api) && !serveDiscovery(exchange, api)) {
    sendText(exchange, 404, '404 page not found\n');
  }
}
