import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import { type Exchange, startStream } from './exchange.js';
import { isTrue } from './request-attributes.js';
import { badRequest } from './status-failure.js';
import { findObject } from './write.js';

/** Answers pods/log with tailLines, limitBytes and timestamps; with follow it streams until the client leaves or the pod is deleted. */
export function servePodLog(cluster: Cluster, type: ResourceType, exchange: Exchange): void {
  const { query, response } = exchange;
  const { uid = '' } = findObject(cluster, type, exchange).metadata;
  const tail = query.get('tailLines');
  if (tail !== null && !/^\d+$/.test(tail))
    throw badRequest(`tailLines must be a non-negative integer: ${tail}`);
  const lines = cluster.pods.lines(uid);
  const shown = tail === null ? lines : lines.slice(Math.max(0, lines.length - Number(tail)));
  const prefix = () => (isTrue(query.get('timestamps')) ? `${new Date().toISOString()} ` : '');

  response.removeHeader('X-Kubernetes-Pf-Flowschema-Uid');
  response.removeHeader('X-Kubernetes-Pf-Prioritylevel-Uid');
  response.setHeader('Content-Type', 'text/plain');
  startStream(exchange);
  const limit = Number(query.get('limitBytes') ?? Number.POSITIVE_INFINITY);
  const text = shown.map(line => `${prefix()}${line}\n`).join('');
  if (text !== '') response.write(Buffer.from(text).subarray(0, limit));
  if (!isTrue(query.get('follow'))) {
    response.end();
    return;
  }
  const unfollow = cluster.pods.follow(uid, line => response.write(`${prefix()}${line}\n`));
  const end = () => response.end();
  const unsubscribe = cluster.store.subscribe(type, event => {
    if (event.type === 'DELETED' && event.object.metadata.uid === uid) end();
  });
  cluster.lifecycle.once('stop', end);
  const stop = () => {
    unfollow();
    unsubscribe();
    cluster.lifecycle.off('stop', end);
  };
  response.once('close', stop);
  response.once('finish', stop);
}
