import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { send } from '../../../support/clients/http-client.js';
import { connectHttp2 } from '../../../support/clients/http2-client.js';
import { openWatch, openWatchStream, type WatchClient } from '../../../support/clients/watch-client.js';
import { eventually } from '../../../support/eventually.js';
import { twoUsers } from '../../../support/identities/two-users.js';
import { adminPort } from '../../../support/proxy/admin-listener.js';
import { startGateway, startStack } from '../../../support/proxy/stack.js';

const adminFlags = ['--admin-port=0', '--admin-address=127.0.0.1'];
const pods = '/api/v1/namespaces/default/pods';
const log = `${pods}/web-0/log?follow=true`;
const configMaps = '/api/v1/namespaces/default/configmaps?watch=true';

type Answer = { readonly streams: readonly Readonly<Record<string, unknown>>[] };

test('an operator ends all streams of a user, each in the way of its kind, and the next request is judged as always', async t => {
  const files = await createServingFiles();
  const ca = files.authority.certificate;
  const { proxy } = await startGateway(t, {
    tokenFile: twoUsers,
    flags: [...files.flags, ...adminFlags, '--admin-end-streams'],
  });
  const admin = await adminPort(proxy);
  const session = await connectHttp2(proxy.port, ca);
  t.after(() => session.destroy());
  const open = async (version: string, path: string, user: string): Promise<WatchClient> => {
    const headers = { authorization: `Bearer ${user}-token`, 'user-agent': 'kubectl/v1.36' };
    const client =
      version === 'HTTP/1.1'
        ? await openWatch(`${proxy.url.replace('http:', 'https:')}${path}`, { headers, ca })
        : await openWatchStream(session, path, headers);
    assert.equal(client.status, 200);
    t.after(() => client.close());
    return client;
  };
  const versions = ['HTTP/1.1', 'HTTP/2'];
  const watches = await Promise.all(versions.map(version => open(version, `${pods}?watch=true`, 'alice')));
  const logs = await Promise.all(versions.map(version => open(version, log, 'alice')));
  const others = await Promise.all(versions.map(version => open(version, configMaps, 'bob')));
  const list = async (query: string) => ((await send(admin, `/streams${query}`)).json as Answer).streams;
  assert.equal((await list('')).length, 6);
  const [row] = await list('?user=alice&kind=log');
  assert.equal(row?.['userAgent'], 'kubectl/v1.36');
  assert.ok(Number(row?.['bytes']) > 0 && Number.isInteger(row?.['ageSeconds']) && row?.['requestId']);
  const ended = await send(admin, '/streams?user=alice', { method: 'DELETE' });
  assert.equal((ended.json as Answer).streams.length, 4);
  await eventually('the ends', () => [...watches, ...logs].every(stream => stream.state() !== 'open'));
  assert.deepEqual(
    [...watches, ...logs, ...others].map(stream => stream.state()),
    ['end', 'end', 'cut', 'cut', 'open', 'open'],
  );
  const lines = () => proxy.log().filter(({ endedBy }) => endedBy === 'operator');
  await eventually('the lines', () => lines().length === 4);
  assert.deepEqual(new Set(lines().map(({ user }) => user)), new Set(['alice']));
  const { text } = await send(admin, '/metrics');
  assert.match(text, /^kube_api_proxy_longrunning_requests_ended_total\{reason="operator"\} 4$/m);
  const said = proxy.log().find(({ msg }) => msg === 'an operator ends open streams');
  assert.deepEqual([said?.['user'], said?.['ended'], said?.['level']], ['alice', 4, 40]);
  await open('HTTP/1.1', `${pods}?watch=true`, 'alice');
});

test('streams of nobody are listed, and ended between two of their parts, without authentication', async t => {
  const { proxy } = await startStack(t, { flags: [...adminFlags, '--admin-end-streams'] });
  const admin = await adminPort(proxy);
  const watch = await openWatch(`${proxy.url}${pods}?watch=true`);
  t.after(() => watch.close());
  const { json } = await send(admin, '/streams');
  const [{ id, user, kind } = {}] = (json as Answer).streams;
  assert.deepEqual([user, kind], [undefined, 'watch']);
  assert.equal((await send(admin, `/streams/${id}`, { method: 'DELETE' })).status, 200);
  await eventually('the end', () => watch.state() === 'end');
  assert.equal((await send(admin, `/streams/${id}`, { method: 'DELETE' })).status, 404);
});
