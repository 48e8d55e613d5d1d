import { isTrue } from '../../../src/kubernetes/query.js';
import { openStream } from './answer-stream.js';
import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import type { Exchange } from './exchange.js';
import type { LoggedLine } from './pod-logs.js';

import { findObject } from './write.js';

/** Answers pods/log with tailLines, sinceTime and timestamps. With follow it streams until the client leaves or the pod is deleted. */
export async function servePodLog(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const { uid = '' } = findObject(cluster, type, exchange).metadata;
  const tail = query.get('tailLines');
  const since = Date.parse(query.get('sinceTime') ?? '') || 0;
  const hasTimes = isTrue(query.get('timestamps') ?? undefined);
  const textOf = ({ time, text }: LoggedLine) => `${hasTimes ? `${time} ` : ''}${text}\n`;

  const stream = await openStream(exchange, 'text/plain');
  const lines = cluster.logs.lines(uid).filter(({ time }) => Date.parse(time) >= since);
  const shown = tail === null ? lines : lines.slice(Math.max(0, lines.length - Number(tail)));
  if (shown.length > 0) stream.write(shown.map(textOf).join(''));
  const end = () => stream.end();
  if (!isTrue(query.get('follow') ?? undefined)) {
    end();
    return;
  }
  const write = (line: LoggedLine) => stream.write(textOf(line));
  cluster.logs.grown.on(uid, write);
  const unsubscribe = cluster.store.subscribe(type, event => {
    if (event.type === 'DELETED' && event.object.metadata.uid === uid) end();
  });
  cluster.lifecycle.once('stop', end);
  stream.onClose(() => {
    cluster.logs.grown.off(uid, write);
    unsubscribe();
    cluster.lifecycle.off('stop', end);
  });
}
