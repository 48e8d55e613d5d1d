import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import { type Exchange, sendJson } from './exchange.js';
import { isRecord, type KubeObject } from './objects.js';
import { type ListMetadata, negotiate, representList } from './representation.js';
import { readSelector } from './selectors.js';
import { badRequest, expired } from './status-failure.js';

function pathOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function readContinue(token: string): { version: number; start: string } {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (isRecord(value) && typeof value['rv'] === 'number' && typeof value['start'] === 'string') {
      return { version: value['rv'], start: value['start'] };
    }
  } catch {
    // Every token that this server did not write gets the same answer, below.
  }
  throw badRequest('continue key is not valid: illegal base64 data');
}

function writeContinue(version: number, last: KubeObject): string {
  return Buffer.from(
    JSON.stringify({ v: 'meta.k8s.io/v1', rv: version, start: `${pathOf(last)}\0` }),
  ).toString('base64url');
}

/** Answers a list with selectors, limit and continue. A continuation from before a compaction gets a 410. */
export function listObjects(cluster: Cluster, type: ResourceType, exchange: Exchange): void {
  const { query, attributes } = exchange;
  const representation = negotiate(exchange.request.headers.accept, query);
  const token = query.get('continue');
  const from = token ? readContinue(token) : { version: cluster.store.version, start: '' };
  if (from.version < cluster.store.oldestVersion) {
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. ' +
        'You can start a new list without the continue parameter.',
    );
  }
  const all = cluster.store
    .list(type, type.namespaced ? attributes.namespace : '')
    .filter(object => pathOf(object) >= from.start)
    .filter(readSelector(query));
  const limit = Number(query.get('limit') ?? 0) || all.length;
  const page = all.slice(0, limit);
  const last = page.at(-1);
  const metadata: ListMetadata = {
    resourceVersion: String(from.version),
    ...(last && all.length > limit
      ? { continue: writeContinue(from.version, last), remainingItemCount: all.length - limit }
      : {}),
  };
  sendJson(exchange, 200, representList(type, page, metadata, representation));
}
