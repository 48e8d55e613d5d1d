import { openStream } from './answer-stream.js';
import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import type { Exchange } from './exchange.js';
import type { LoggedLine } from './pod-runtime.js';
import { isTrue } from './request-attributes.js';
import { badRequest } from './status-failure.js';
import { findObject } from './write.js';

/** WebSocket subprotocols of a log: bytes with a subprotocol, or without one (apiserver `wsstream`). */
const protocols = ['binary.k8s.io'] as const;

/** Answers pods/log with tailLines, sinceTime, limitBytes and timestamps. With follow it streams until the client leaves or the pod is deleted. */
export async function servePodLog(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const { uid = '' } = findObject(cluster, type, exchange).metadata;
  const tail = query.get('tailLines');
  if (tail !== null && !/^\d+$/.test(tail))
    throw badRequest(`tailLines must be a non-negative integer: ${tail}`);
  const since = Date.parse(query.get('sinceTime') ?? '') || 0;
  const hasTimes = isTrue(query.get('timestamps'));
  const textOf = ({ time, text }: LoggedLine) => `${hasTimes ? `${time} ` : ''}${text}\n`;

  const stream = await openStream(exchange, 'text/plain', { protocols });
  if (stream === undefined) return;
  const limit = Number(query.get('limitBytes') ?? Number.POSITIVE_INFINITY);
  const lines = cluster.pods.lines(uid).filter(({ time }) => Date.parse(time) >= since);
  const shown = tail === null ? lines : lines.slice(Math.max(0, lines.length - Number(tail)));
  const text = shown.map(textOf).join('');
  if (text !== '') stream.write(Buffer.from(text).subarray(0, limit));
  if (!isTrue(query.get('follow'))) {
    stream.end();
    return;
  }
  const unfollow = cluster.pods.follow(uid, line => stream.write(Buffer.from(textOf(line))));
  const end = () => stream.end();
  const unsubscribe = cluster.store.subscribe(type, event => {
    if (event.type === 'DELETED' && event.object.metadata.uid === uid) end();
  });
  cluster.lifecycle.once('stop', end);
  const stop = () => {
    unfollow();
    unsubscribe();
    cluster.lifecycle.off('stop', end);
  };
  stream.onClose(stop);
}
