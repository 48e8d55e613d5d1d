import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { longestEnd } from '../../../../src/proxy/open-streams.js';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { send } from '../../../support/clients/http-client.js';
import { connectHttp2, headOf, openStream } from '../../../support/clients/http2-client.js';
import { watchRaw } from '../../../support/clients/raw-http.js';
import { openWatch, openWatchStream, type WatchClient } from '../../../support/clients/watch-client.js';
import { eventually } from '../../../support/eventually.js';
import type { Policy } from '../../../support/fake-api-server/authorization.js';
import { twoUsers, twoUsersPolicy } from '../../../support/identities/two-users.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { adminPort } from '../../../support/proxy/admin-listener.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startGateway } from '../../../support/proxy/stack.js';

const interval = 10_000;
const pods = '/api/v1/namespaces/default/pods';
const watch = `${pods}?watch=true`;
const log = `${pods}/web-0/log?follow=true`;
const configMaps = '/api/v1/namespaces/default/configmaps?watch=true';

const clock = new ManualClock(Date.now());
const files = await createServingFiles();
const gateway = await startGateway(
  { after },
  {
    run: (scope, args, env) => startInProcess(scope, args, env, { clock }),
    tokenFile: twoUsers,
    flags: [...files.flags, '--recheck-streams=10s', '--admin-port=0', '--admin-address=127.0.0.1'],
  },
);
const { server, proxy } = gateway;
const ca = files.authority.certificate;
let session: Awaited<ReturnType<typeof connectHttp2>>;
const streams: WatchClient[] = [];

before(async () => {
  session = await connectHttp2(proxy.port, ca);
});
after(() => {
  for (const stream of streams) stream.close();
  session?.destroy();
});

/** Nobody has a right to Pods. */
const withoutPods: Policy = (user, asked) => asked.resource !== 'pods' && twoUsersPolicy(user, asked);

type Version = 'HTTP/1.1' | 'HTTP/2';

async function open(version: Version, path: string, user = 'alice'): Promise<WatchClient> {
  const headers = { authorization: `Bearer ${user}-token` };
  const stream =
    version === 'HTTP/1.1'
      ? await openWatch(`${proxy.url.replace('http:', 'https:')}${path}`, { headers, ca })
      : await openWatchStream(session, path, headers);
  assert.equal(stream.status, 200, path);
  streams.push(stream);
  return stream;
}

/** An interval passes, second by second, and the API server answers what it is asked. */
async function passInterval(): Promise<void> {
  for (let second = 0; second < interval / 1_000; second += 1) {
    clock.advance(1_000);
    await new Promise(setImmediate);
  }
}

async function metric(sample: string): Promise<number> {
  const { text } = await send(await adminPort(proxy), '/metrics');
  return Number(
    text
      .split('\n')
      .find(line => line.startsWith(`${sample} `))
      ?.slice(sample.length),
  );
}

describe('an open stream that is checked', { concurrency: false }, () => {
  it('ends in its own way when its user may no longer do it, and no other one ends', async () => {
    const versions = ['HTTP/1.1', 'HTTP/2'] as const;
    const watches = await Promise.all(versions.map(version => open(version, watch)));
    const logs = await Promise.all(versions.map(version => open(version, log)));
    const others = await Promise.all(versions.map(version => open(version, configMaps, 'bob')));
    server.setPolicy(withoutPods);
    await eventually('the ends', async () => {
      await passInterval();
      return [...watches, ...logs].every(stream => stream.state() !== 'open');
    });
    server.setPolicy(twoUsersPolicy);
    assert.deepEqual(
      [...watches, ...logs].map(stream => stream.state()),
      ['end', 'end', 'cut', 'cut'],
    );
    assert.deepEqual(
      others.map(stream => stream.state()),
      ['open', 'open'],
    );
    const ended = () => proxy.log().filter(({ endedBy }) => endedBy === 'access');
    await eventually('its lines', () => ended().length === 4);
    assert.deepEqual(new Set(ended().map(({ user, level }) => `${user} ${level}`)), new Set(['alice 30']));
    assert.equal(await metric('kube_api_proxy_longrunning_requests_ended_total{reason="access"}'), 4);
    for (const stream of others) stream.close();
  });

  it('ends over HTTP/2 too if its client does not read', async t => {
    const answer = openStream(session, '/api/v1/namespaces/large/pods?watch=true', {
      authorization: 'Bearer alice-token',
    });
    answer.on('error', () => {});
    await headOf(answer);
    const annotations = { large: 'x'.repeat(100_000) };
    for (let index = 0; index < 40; index += 1) {
      const metadata = { name: `pod-${index}`, namespace: 'large', annotations };
      server.write({ apiVersion: 'v1', kind: 'Pod', metadata });
    }
    const ended = () =>
      proxy.log().some(({ path, endedBy }) => /large/.test(`${path}`) && endedBy === 'access');
    server.setPolicy(withoutPods);
    t.mock.timers.enable({ apis: ['setTimeout'] });
    for (const deadline = performance.now() + 30_000; !ended(); ) {
      assert.ok(performance.now() < deadline, 'the end');
      await passInterval();
      t.mock.timers.tick(longestEnd);
    }
    t.mock.timers.reset();
    server.setPolicy(twoUsersPolicy);
  });
});

/** A request that is not complete: its client still sends, and the API server's end of it is in the test's hands. */
interface LongRequest {
  /** Sends some bytes of the body. */
  sendMore(): void;
  /** What the client has got so far, and whether it will get more. */
  readonly state: () => { readonly text: string; readonly isOver: boolean };
  close(): void;
}

function begin(version: Version, method: string, path: string, fields: Record<string, string>): LongRequest {
  const headers = { ...fields, authorization: 'Bearer alice-token' };
  if (version === 'HTTP/2') {
    const stream = openStream(session, path, { ':method': method, ...headers }, method === 'GET');
    let text = '';
    let isOver = false;
    stream.on('response', head => {
      text += head[':status'];
    });
    stream.on('data', chunk => {
      text += chunk;
    });
    stream.once('close', () => {
      isOver = true;
    });
    const sendMore = () => void (method === 'GET' || stream.destroyed || stream.write('more'));
    return { sendMore, state: () => ({ text, isOver }), close: () => stream.destroy() };
  }
  const connection = watchRaw(tls.connect({ host: '127.0.0.1', port: proxy.port, ca }));
  const lines = Object.entries({ Host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}`);
  const coding = method === 'GET' ? [] : ['Transfer-Encoding: chunked'];
  connection.write([`${method} ${path} HTTP/1.1`, ...lines, ...coding, '', ''].join('\r\n'));
  let isOver = false;
  connection.socket.once('end', () => {
    isOver = true;
  });
  return {
    sendMore: () => method === 'GET' || connection.write('4\r\nmore\r\n'),
    state: () => ({ text: connection.received(), isOver }),
    close: () => connection.destroy(),
  };
}

const upgrade = { connection: 'Upgrade', upgrade: 'websocket' };

const both: readonly Version[] = ['HTTP/1.1', 'HTTP/2'];

describe('a request that lasts for longer than an interval', { concurrency: false }, () => {
  for (const { name, method, path, fields = {}, hasHead, versions = both } of [
    { name: 'a body that has no answer', method: 'PUT', path: `${pods}/web-0/proxy/up`, hasHead: false },
    { name: 'a body that is answered', method: 'PUT', path: `${pods}/web-0/proxy/up`, hasHead: true },
    {
      ...{ name: 'a refused upgrade whose answer has no end', method: 'GET', path: `${pods}/web-0/proxy/` },
      ...{ fields: upgrade, hasHead: true, versions: ['HTTP/1.1'] },
    },
  ] as const)
    for (const version of versions as readonly Version[])
      it(`ends over ${version} with the right to it: ${name}`, async t => {
        let upstream: 'none' | 'open' | 'closed' = 'none';
        let received = 0;
        t.after(
          server.intercept((request, response) => {
            if (!request.url?.startsWith(path)) return false;
            upstream = 'open';
            request.on('data', chunk => {
              received += chunk.length;
            });
            const closed = () => {
              upstream = 'closed';
            };
            request.socket.once('close', closed).once('end', closed);
            if (request.headers.upgrade !== undefined) request.socket.resume();
            if (hasHead) response.writeHead(200).write('first\n');
            return true;
          }),
        );
        t.after(() => server.setPolicy(twoUsersPolicy));
        const request = begin(version, method, path, fields);
        t.after(() => request.close());
        await eventually('the request', () => upstream === 'open');
        request.sendMore();
        await eventually('its beginning', () => method === 'GET' || received > 0);
        if (hasHead) await eventually('the head', () => request.state().text.includes('first'));
        await passInterval();
        await passInterval();
        request.sendMore();
        await new Promise(resolve => setTimeout(resolve, 50));
        assert.equal(upstream, 'open');
        assert.equal(request.state().isOver, false);
        server.setPolicy(withoutPods);
        const before = proxy.log().length;
        const counter = 'kube_api_proxy_longrunning_requests_ended_total{reason="access"}';
        const counted = await metric(counter);
        await passInterval();
        await passInterval();
        await eventually('the end at the API server', () => upstream === 'closed');
        const got = request.state().text;
        if (hasHead) await eventually('the cut', () => request.state().isOver);
        else
          await eventually('a 403', () =>
            /^(?:HTTP\/1\.1 )?403[\s\S]*you may no longer do/.test(request.state().text),
          );
        if (hasHead) assert.doesNotMatch(got, /\r\n0\r\n\r\n$/);
        const ended = () =>
          proxy
            .log()
            .slice(before)
            .filter(({ endedBy }) => endedBy === 'access');
        await eventually('its line', () => ended().length === 1);
        assert.deepEqual(
          ended().map(({ user, code }) => [user, code]),
          [['alice', hasHead ? 200 : 403]],
        );
        assert.equal(await metric(counter), counted + 1);
      });
});
