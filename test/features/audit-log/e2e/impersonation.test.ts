import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { bothLegs, probe } from '../../../e2e/credential-probe.js';
import { eventually } from '../../../support/eventually.js';
import { jsonLines } from '../../../support/json-lines.js';
import type { ServerEvent } from '../../../support/kube-apiserver/audit-log.js';
import { startLeadGateway } from '../../../support/proxy/lead-gateway.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

test('events say who acted as whom', async t => {
  const path = join(temporaryFolder(), 'audit.log');
  const { proxy, server } = await startLeadGateway(t, { args: [`--audit-log-path=${path}`] });
  const by = (token: string) => [`Authorization: Bearer ${token}`];
  const asAlice = 'Impersonate-User: alice';
  for (const leg of bothLegs) await probe(proxy, server, leg, { headers: [...by('lead-token'), asAlice] });
  await probe(proxy, server, 'plain', { headers: [...by('peer-token'), asAlice] });
  await probe(proxy, server, 'plain', { headers: by('alice-token') });
  const events = async () => jsonLines<ServerEvent>(await readFile(path, 'utf8'));
  await eventually('the events', async () => {
    const complete = (await events()).filter(({ stage }) => stage === 'ResponseComplete');
    return complete.length === 4;
  });
  const told = (await events()).map(({ stage, user, impersonatedUser }) => [
    ...[stage, user.username, impersonatedUser?.username, impersonatedUser?.groups],
  ]);
  const alice = ['alice', ['system:authenticated']];
  assert.deepEqual(told[0], ['ResponseComplete', 'lead', ...alice]);
  assert.ok(
    told.some(event => event[0] === 'ResponseStarted' && event[1] === 'lead' && event[2] === 'alice'),
  );
  for (const user of ['peer', 'alice']) {
    assert.deepEqual(
      told.filter(event => event[1] === user),
      [['ResponseComplete', user, undefined, undefined]],
    );
  }
});
