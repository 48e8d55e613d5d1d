import type { Cluster } from './cluster.js';
import { findResourceType } from './discovery.js';
import { type Exchange, sendText } from './exchange.js';
import { servePodLog } from './pod-log.js';
import { serveProxyEcho } from './proxy-echo.js';
import { serveObject } from './rest.js';
import { serveReview } from './reviews.js';
import { methodNotAllowed } from './status-failure.js';

/** Answers a request for a resource or one of its subresources; 404 in plain text for what discovery does not list. */
export async function serveResource(cluster: Cluster, exchange: Exchange): Promise<void> {
  const { attributes } = exchange;
  const type = findResourceType(attributes);
  const { subresource } = attributes;
  if (!type || (subresource !== '' && !type.subresources.has(subresource))) {
    sendText(exchange, 404, '404 page not found\n');
    return;
  }
  if (subresource === 'proxy') {
    await serveProxyEcho(exchange);
    return;
  }
  if (subresource === 'log') {
    if (attributes.verb !== 'get') throw methodNotAllowed();
    servePodLog(cluster, type, exchange);
    return;
  }
  if (await serveReview(cluster, type, exchange)) return;
  await serveObject(cluster, type, exchange);
}
