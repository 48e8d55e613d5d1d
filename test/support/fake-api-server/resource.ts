import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import { type Exchange, sendText } from './exchange.js';
import { listObjects } from './list.js';
import { servePodLog } from './pod-log.js';
import { servePodStreams, serveProxyEcho } from './pod-streams.js';
import { serveReview } from './reviews.js';
import { methodNotAllowed, StatusFailure } from './status-failure.js';
import { watchObjects } from './watch.js';
import { createObject, deleteObject, findObject, sendObject, updateObject } from './write.js';

type Handler = (cluster: Cluster, type: ResourceType, exchange: Exchange) => void | Promise<void>;

const subresources: Readonly<Record<string, Handler>> = {
  proxy: (_cluster, _type, exchange) => serveProxyEcho(exchange),
  log: servePodLog,
  exec: servePodStreams,
  attach: servePodStreams,
  portforward: servePodStreams,
  status: serveObject,
  finalize: serveObject,
};

/** Answers a request for a resource or one of its subresources. Others than those of discovery get a 404 in plain text. */
export async function serveResource(cluster: Cluster, exchange: Exchange): Promise<void> {
  const { attributes } = exchange;
  const { subresource, verb } = attributes;
  const type = cluster.api.find(attributes);
  const verbs = subresource === '' ? type?.verbs : type?.subresources.get(subresource);
  if (!type || !verbs) {
    sendText(exchange, 404, '404 page not found\n');
    return;
  }
  // Only a proxied request may be a HEAD.
  if (exchange.request.method === 'HEAD' && subresource !== 'proxy') throw methodNotAllowed();
  if (subresource === '') {
    if (!(await serveReview(cluster, type, exchange))) await serveObject(cluster, type, exchange);
    return;
  }
  const handler = subresources[subresource];
  if (!handler) {
    const message = `the embedded API server does not serve ${type.resource}/${subresource}`;
    throw new StatusFailure(501, 'NotImplemented', message);
  }
  // A proxied request may have any method; every other subresource has a list of verbs.
  if (subresource !== 'proxy' && !verbs.includes(verb)) throw methodNotAllowed();
  await handler(cluster, type, exchange);
}

/** Answers get, list, watch, create, update, patch and delete of an object or its status. */
async function serveObject(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  const { verb, subresource, name } = exchange.attributes;
  const verbs = subresource === '' ? type.verbs : (type.subresources.get(subresource) ?? []);
  // A list or a watch has a name if its field selector has one.
  const isOfPath = verb === 'list' || verb === 'watch' || (verb === 'create') === (name === '');
  if (!verbs.includes(verb) || !isOfPath) throw methodNotAllowed();
  switch (verb) {
    case 'get':
      sendObject(exchange, type, 200, findObject(cluster, type, exchange));
      break;
    case 'list':
      listObjects(cluster, type, exchange);
      break;
    case 'watch':
      await watchObjects(cluster, type, exchange);
      break;
    case 'create':
      await createObject(cluster, type, exchange);
      break;
    case 'update':
    case 'patch':
      await updateObject(cluster, type, exchange);
      break;
    case 'delete':
      await deleteObject(cluster, type, exchange);
      break;
    default:
      throw methodNotAllowed();
  }
}
