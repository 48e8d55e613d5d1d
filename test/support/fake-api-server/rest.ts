import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import type { Exchange } from './exchange.js';
import { listObjects } from './list.js';
import { methodNotAllowed } from './status-failure.js';
import { watchObjects } from './watch.js';
import {
  createObject,
  deleteCollection,
  deleteObject,
  findObject,
  sendObject,
  updateObject,
} from './write.js';

const collectionVerbs = new Set(['list', 'create', 'deletecollection']);

/** Answers get, list, watch, create, update, patch, delete and deletecollection of an object or its status. */
export async function serveObject(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  const { verb, subresource, name } = exchange.attributes;
  const verbs = subresource === '' ? type.verbs : (type.subresources.get(subresource) ?? []);
  const onCollection = collectionVerbs.has(verb);
  if (!verbs.includes(verb) || (verb !== 'watch' && onCollection !== (name === ''))) throw methodNotAllowed();
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
      await deleteCollection(cluster, type, exchange);
  }
}
