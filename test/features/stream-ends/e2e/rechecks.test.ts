import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { longestEnd } from '../../../../src/proxy/open-streams.js';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { send } from '../../../support/clients/http-client.js';
import { connectHttp2, headOf, openStream } from '../../../support/clients/http2-client.js';
import { openWatch, WatchClient } from '../../../support/clients/watch-client.js';
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
  let stream: WatchClient;
  if (version === 'HTTP/1.1')
    stream = await openWatch(`${proxy.url.replace('http:', 'https:')}${path}`, { headers, ca });
  else {
    const answer = openStream(session, path, headers);
    const head = await headOf(answer);
    stream = new WatchClient(answer, Number(head[':status']), head);
  }
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

/** Time passes until this stream has ended. */
function untilEnded(stream: WatchClient): Promise<void> {
  return eventually('its end', async () => {
    await passInterval();
    return stream.state() !== 'open';
  });
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
  it('is listed on the admin listener, with nothing of a token', async () => {
    const stream = await open('HTTP/2', watch);
    await passInterval();
    const list = async () => {
      const { json, text } = await send(await adminPort(proxy), '/streams');
      assert.doesNotMatch(text, /-token/);
      return (json as { readonly streams: readonly Readonly<Record<string, unknown>>[] }).streams;
    };
    await eventually('it was checked', async () => (await list()).at(-1)?.['checked'] !== undefined);
    const { since, checked, ...row } = (await list()).at(-1) ?? {};
    assert.ok(Date.parse(String(since)) <= Date.parse(String(checked)));
    assert.deepEqual(row, {
      ...{ user: 'alice', verb: 'watch', resource: 'pods', namespace: 'default' },
      ...{ cluster: row['cluster'], clientAddress: '127.0.0.1' },
    });
    stream.close();
    await eventually('it is gone', async () => (await list()).length === 0);
  });

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

  it('ends when its token has become that of another user, or of the same with other groups', async () => {
    for (const [user, path, now] of [
      ['alice', watch, 'alice-token,bob,,"dev"'],
      ['bob', configMaps, 'bob-token,bob,,"ops"'],
    ] as const) {
      const stream = await open('HTTP/1.1', path, user);
      await gateway.writeTokens(twoUsers.replace(new RegExp(`^${user}-token.*`, 'm'), now));
      await untilEnded(stream);
      await gateway.writeTokens(twoUsers);
      await eventually('alice is back', async () => {
        clock.advance(1_000);
        const { status } = await send(proxy.port, pods, {
          headers: { authorization: 'Bearer alice-token' },
          tls: { ca },
        });
        return status === 200;
      });
    }
    const ended = () => metric('kube_api_proxy_longrunning_requests_ended_total{reason="caller"}');
    await eventually('both are counted', async () => (await ended()) === 2);
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
