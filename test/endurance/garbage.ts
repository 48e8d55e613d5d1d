import { once } from 'node:events';
import WebSocket from 'ws';
import { ownMetrics } from '../support/proxy/own-metric.js';
import type { ProxyProcess } from '../support/proxy/proxy.js';

/** The environment of a program whose garbage collection a test can start. */
export const inspected: Readonly<Record<string, string>> = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

/** Lets a program that was started with `inspected` collect its garbage. Returns the bytes of heap in use after that. */
export async function heapInUse(proxy: ProxyProcess): Promise<number> {
  const [, url] = /Debugger listening on (ws:\S+)/.exec(proxy.stderr()) ?? [];
  if (url === undefined) throw new Error('the program has no inspector');
  const inspector = new WebSocket(url);
  await once(inspector, 'open');
  inspector.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' }));
  await once(inspector, 'message');
  inspector.terminate();
  return (await ownMetrics(proxy.port)).get('nodejs_heap_size_used_bytes') ?? Number.NaN;
}
