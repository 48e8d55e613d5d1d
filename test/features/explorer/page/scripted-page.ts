import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Client } from '../../../../src/features/explorer/page/api/client.js';
import type { Followed } from '../../../../src/features/explorer/page/live/followed.js';
import type { Source } from '../../../../src/features/explorer/page/live/source.js';
import { recorded } from './recorded-index.js';

/** What the API server answers: a status code without a body, an object, or the lines of a stream. */
type Reply = number | object | readonly (object | string)[];

/**
 * A page whose requests get these replies, one after the other; after the last one the model is closed. Pauses take no time. Over HTTP/1.1
 * no WebSocket can be opened, so streams are read as ordinary answers.
 */
export function pageWith(t: TestContext, version: 'h2' | 'http/1.1', replies: readonly Reply[]) {
  const left = [...replies];
  const sent: string[] = [];
  const signals: (AbortSignal | null | undefined)[] = [];
  const waits: number[] = [];
  let end = () => {};
  const timeline = performance as unknown as { getEntriesByType(type: string): readonly object[] };
  t.mock.method(timeline, 'getEntriesByType', () => [{ nextHopProtocol: version }]);
  class ClosedSocket {
    onclose = (_event: object) => {};
    constructor() {
      queueMicrotask(() => this.onclose({ wasClean: false }));
    }
  }
  const { WebSocket } = globalThis;
  Object.assign(globalThis, { WebSocket: ClosedSocket });
  t.after(() => Object.assign(globalThis, { WebSocket }));
  t.mock.method(globalThis, 'fetch', async (url: string, { headers, signal }: RequestInit) => {
    const form = /as=(\w+)/.exec(new Headers(headers).get('accept') ?? '')?.[1] ?? '';
    sent.push(`${decodeURIComponent(url.slice('http://p/c/api/v1/namespaces/a/'.length))} ${form}`.trim());
    signals.push(signal);
    const next = left.shift();
    if (next === undefined) end();
    signal?.throwIfAborted();
    if (typeof next === 'number') return new Response('', { status: next });
    const lines = Array.isArray(next) ? next : [next];
    const texts = lines.map(line => (typeof line === 'string' ? line : JSON.stringify(line)));
    return new Response(texts.map(text => `${text}\n`).join(''));
  });
  const source: Source = {
    client: new Client('http://p'),
    prefix: '/c',
    index: recorded,
    page: {
      visible: async () => {},
      onHidden: () => {},
      async wait(milliseconds, signal) {
        waits.push(milliseconds);
        // A pause is a turn of the event loop, so that other requests of the model come first.
        await new Promise(resolve => setImmediate(resolve));
        signal.throwIfAborted();
      },
    },
  };
  /** Runs a model until it has had all replies, or has failed. Returns what `see` saw after each change. */
  const run = <M extends Followed, T>(model: M, see: (model: M) => T): Promise<T[]> =>
    new Promise(resolve => {
      const seen: T[] = [];
      end = () => {
        model.close();
        assert.ok(
          signals.every(signal => signal?.aborted),
          'a closed model reads on',
        );
        resolve(seen);
      };
      model.subscribe(() => {
        seen.push(see(model));
        const { error, state, isGone } = model as M & { readonly isGone?: boolean };
        if (error !== undefined || state.kind === 'ended' || (isGone && left.length === 0)) end();
      });
      model.start();
    });
  /** The pauses besides those between two attempts, which are random. */
  const pauses = () => waits.filter(wait => Number.isInteger(wait) && wait >= 100);
  return { source, sent, run, pauses };
}
