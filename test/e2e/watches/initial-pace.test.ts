import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { connectHttp2, headOf, openStream } from '../../support/clients/http2-client.js';
import { connectRaw } from '../../support/clients/raw-http.js';
import { openWatch, readWatch, type WatchClient } from '../../support/clients/watch-client.js';
import { eventually } from '../../support/eventually.js';
import { configMap, configMapsIn } from '../../support/fake-api-server/config-maps.js';
import { ManualClock } from '../../support/manual-clock.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStack } from '../../support/proxy/stack.js';
import type { Scope } from '../../support/scope.js';
import { steady } from '../../support/steady.js';

const namespace = 'large';
/** 24 MB, which the buffers of no connection hold. */
const count = 48;
const target = `${configMapsIn(namespace)}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;

/** The program in front of an API server with large objects. Its clock stands still until the test moves it. */
async function start(scope: Scope, { tls }: { readonly tls: boolean }) {
  const clock = new ManualClock(Date.now());
  const stack = await startStack(scope, {
    tls,
    run: (programScope, args, env) => startInProcess(programScope, args, env, { clock }),
    flags: ['--share-watches'],
  });
  const text = 'x'.repeat(500_000);
  for (let index = 0; index < count; index += 1)
    stack.server.write(configMap(namespace, `large-${index}`, { data: { text } }));
  const ca = 'ca' in stack ? String(stack.ca) : undefined;
  return { ...stack, clock, ca };
}

type Started = Awaited<ReturnType<typeof start>>;

/** A client that has asked and reads nothing. */
interface Stalled {
  /** Reads what is there. Resolves to whether its answer was cut. */
  wasCut(): Promise<boolean>;
}

async function stall(watch: WatchClient): Promise<Stalled> {
  watch.pause();
  return {
    async wasCut() {
      watch.resume();
      return (await watch.ended) === 'cut';
    },
  };
}

/** Clients of each kind of connection, which read nothing after the head of their answer. */
const stalled: Readonly<Record<string, (started: Started, scope: Scope) => Promise<Stalled>>> = {
  'HTTP/1.1': async ({ port }) => stall(await openWatch(`http://127.0.0.1:${port}${target}`)),
  'HTTP/1.0': async ({ port }, scope) => {
    const { socket, write, untilClosed } = await connectRaw(port);
    scope.after(() => socket.destroy());
    write(`GET ${target} HTTP/1.0\r\nHost: localhost\r\n\r\n`);
    await once(socket, 'data');
    socket.pause();
    return {
      async wasCut() {
        socket.resume();
        return !(await untilClosed()).includes('initial-events-end');
      },
    };
  },
  'HTTP/1.1 over TLS': async ({ port, ca = '' }) =>
    stall(await openWatch(`https://127.0.0.1:${port}${target}`, { ca })),
  'HTTP/2': async ({ port, ca = '' }, scope) => {
    const session = await connectHttp2(port, ca);
    scope.after(() => session.destroy());
    const stream = openStream(session, target);
    const headers = await headOf(stream);
    return stall(readWatch(stream, headers[':status'] ?? 0, headers));
  },
};

describe('a client that reads nothing of the initial events', () => {
  for (const [protocol, open] of Object.entries(stalled)) {
    test(`holds those up that share them, until it is cut (${protocol})`, async t => {
      const started = await start(t, { tls: !['HTTP/1.1', 'HTTP/1.0'].includes(protocol) });
      const { server, proxy, port, clock, ca } = started;
      const url = `${ca === undefined ? proxy.url : proxy.url.replace('http:', 'https:')}${target}`;
      const security = ca === undefined ? {} : { ca };
      const longRunning = (number: number) =>
        eventually(`${number} clients`, async () => {
          const { text } = await send(port, '/-/metrics', ca === undefined ? {} : { tls: { ca } });
          return text.includes(`kube_api_proxy_request_slots_in_use{kind="longrunning"} ${number}\n`);
        });
      const release = server.initialEvents.hold(1);
      const first = await openWatch(url, security);
      first.close();
      const other = await openWatch(url, security);
      const asked = [open(started, t), openWatch(url, security), openWatch(url, security)] as const;
      await longRunning(4);
      clock.advance(100);
      const [slow, ...others] = await Promise.all(asked);
      release();
      await steady(() => others.reduce((sum, watch) => sum + watch.frames().length, 0));
      for (const watch of others) assert.ok(watch.frames().length < count, 'they wait for the slow one');
      await eventually('the others’ events', () => {
        clock.advance(1_000);
        return [other, ...others].every(watch => watch.frames().length === count + 1);
      });
      assert.ok(await slow.wasCut());
      server.write(configMap(namespace, 'later'));
      for (const watch of [other, ...others]) await watch.untilNamed('"later"');
      await longRunning(3);
      for (const watch of [other, ...others]) watch.close();
    });
  }
});
