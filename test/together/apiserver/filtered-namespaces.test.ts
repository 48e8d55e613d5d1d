import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../../support/eventually.js';
import { jsonLines } from '../../support/json-lines.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import type { ServerEvent } from '../../support/kube-apiserver/audit-log.js';
import { FilteringGateway, sees } from '../../support/kube-apiserver/filtering-gateway.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

test('a filtered watch outlasts questions whether its stream may go on, ends with its caller, and is recorded; others are shared', async (t, server) => {
  const auditLog = join(temporaryFolder(), 'audit.log');
  const gateway = await FilteringGateway.start(t, server, {
    users: ['ann', 'boss'],
    flags: ['--recheck-streams=10s', '--share-watches', `--audit-log-path=${auditLog}`],
  });
  await gateway.letListAll('boss');
  const own = await gateway.namespaceOf('ann', 'own');
  const { metadata } = JSON.parse((await gateway.ask('boss', '/api/v1/namespaces')).text);
  const version = `&resourceVersion=${metadata.resourceVersion}`;
  const watch = await gateway.watch('ann', '');
  const shared = [await gateway.watch('boss', version), await gateway.watch('boss', version)];
  await sees(watch, `ADDED ${own}`);
  const metric = async (name: string) =>
    Number(
      new RegExp(`^kube_api_proxy_${name} (\\d+)`, 'm').exec(
        (await gateway.ask('ann', '/-/metrics')).text,
      )?.[1],
    );
  assert.deepEqual(
    [await metric('shared_watches'), await metric('shared_watch_clients'), await metric('filtered_watches')],
    [1, 2, 1],
  );
  // Each stream is asked about at some moment of each interval of 10 s.
  const known = () => metric('stream_rechecks_total{about="caller",answer="yes"}');
  await eventually('all callers were asked about twice', async () => (await known()) >= 6, 120_000);
  // The API server would not say yes to the watch of all namespaces.
  for (const answer of ['no', 'unknown'])
    assert.equal(await metric(`stream_rechecks_total{about="access",answer="${answer}"}`), 0, answer);
  for (const open of [watch, ...shared]) assert.equal(open.state(), 'open');
  await gateway.writeTokens(['boss']);
  await eventually('the watch ends', () => watch.state() !== 'open');
  const completed = async () =>
    jsonLines<ServerEvent>(await readFile(auditLog, 'utf8')).filter(
      ({ requestURI, stage }) => requestURI.startsWith('/api/v1/namespaces') && stage === 'ResponseComplete',
    );
  const filteredOf = (events: ServerEvent[]) =>
    events.filter(({ annotations }) => annotations?.['kube-api-proxy/filtered'] === 'namespaces');
  await eventually('the list and the watch are recorded', async () => {
    const uris = filteredOf(await completed()).map(({ requestURI }) => requestURI);
    return uris.some(uri => uri.includes('watch')) && uris.some(uri => !uri.includes('watch'));
  });
  const events = await completed();
  const filtered = filteredOf(events);
  for (const { user } of filtered) assert.equal(user.username, `ann-${gateway.id}`);
  assert.ok(
    events.some(
      ({ user, annotations }) =>
        user.username === `boss-${gateway.id}` && annotations?.['kube-api-proxy/filtered'] === undefined,
    ),
  );
  for (const open of shared) open.close();
});
