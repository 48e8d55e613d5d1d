import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { send } from '../../../support/clients/http-client.js';
import { connectHttp2, headOf, openStream } from '../../../support/clients/http2-client.js';
import { connectRaw } from '../../../support/clients/raw-http.js';
import { openWatch, readWatch, type WatchClient } from '../../../support/clients/watch-client.js';
import { eventually } from '../../../support/eventually.js';
import { configMap, configMapsIn } from '../../../support/fake-api-server/config-maps.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { encrypted } from '../../../support/proxy/encrypted.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';
import type { Scope } from '../../../support/scope.js';

const namespace = 'large';
const target = `${configMapsIn(namespace)}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;

/** The program in front of an API server with large objects. Its clock stands still until the test moves it. */
async function start(scope: Scope, { tls, count }: { readonly tls: boolean; readonly count: number }) {
  const clock = new ManualClock(Date.now());
  const stack = await startStack(scope, {
    tls,
    run: (programScope, args, env) => startInProcess(programScope, args, env, { clock }),
    flags: ['--share-watches'],
  });
  const text = 'x'.repeat(200_000);
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

const plainProtocols = ['HTTP/1.1', 'HTTP/1.0'];

/** Three clients that read nothing, and five that read, which share these objects of 200 KB. */
async function share(scope: Scope, protocol: string, count: number, open: (typeof stalled)[string]) {
  const started = await start(scope, { tls: !plainProtocols.includes(protocol), count });
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
  const second = await openWatch(url, security);
  second.close();
  const asked = [
    Promise.all(Array.from({ length: 3 }, () => open(started, scope))),
    Promise.all(Array.from({ length: 5 }, () => openWatch(url, security))),
  ] as const;
  await longRunning(8);
  clock.advance(100);
  const [slow, others] = await Promise.all(asked);
  release();
  scope.after(() => {
    for (const watch of others) watch.close();
  });
  const haveAll = () => others.every(watch => watch.frames().length >= count + 1);
  return { ...started, slow, others, haveAll, longRunning };
}

describe('clients that read nothing of the initial events', () => {
  for (const [protocol, open] of Object.entries(stalled)) {
    const options = plainProtocols.includes(protocol) ? {} : encrypted;
    test(`hold the others up for 3 s at most, and are cut (${protocol})`, options, async t => {
      const { server, clock, slow, others, haveAll, longRunning } = await share(t, protocol, 60, open);
      let waited = 0;
      await eventually('the others’ events', () => {
        if (haveAll()) return true;
        if (waited < 3_000) clock.advance(100);
        waited += 100;
        return false;
      });
      server.write(configMap(namespace, 'later'));
      for (const watch of others) await watch.untilNamed('"later"');
      for (let seconds = 0; seconds < 60; seconds += 1) clock.advance(1_000);
      await longRunning(5);
      for (const one of slow) assert.ok(await one.wasCut());
      for (const watch of others) assert.equal(watch.state(), 'open');
    });
  }
});

test('a client that reads late gets all that it lacks from memory, at most 8 MB, and the changes since', async t => {
  const late: WatchClient[] = [];
  const { server, haveAll } = await share(t, 'HTTP/1.1', 40, async ({ port }) => {
    const watch = await openWatch(`http://127.0.0.1:${port}${target}`);
    late.push(watch);
    return stall(watch);
  });
  await eventually('the others’ events', haveAll);
  server.write(configMap(namespace, 'later'));
  for (const watch of late) {
    watch.resume();
    await watch.untilNamed('"later"');
    assert.equal(watch.frames().length, 42);
    watch.close();
  }
});
