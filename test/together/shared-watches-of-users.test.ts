import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { WatchClient } from '../support/clients/watch-client.js';
import { eventually } from '../support/eventually.js';
import { jsonLines } from '../support/json-lines.js';
import { ManualClock } from '../support/manual-clock.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startGateway } from '../support/proxy/stack.js';
import { WatchedNamespace } from '../support/proxy/watched-namespace.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const users = ['ann', 'bob', 'eve'];

interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly auditID: string;
  readonly user: { readonly username: string };
}

test('each user of a shared watch has audit events with the Audit-Id of the own answer, and leaves alone when the own right ends', async t => {
  const denied = new Set<string>();
  const clock = new ManualClock(Date.now());
  const path = join(temporaryFolder(), 'audit.log');
  const gateway = await startGateway(t, {
    run: (scope, args, env) => startInProcess(scope, args, env, { clock }),
    tokenFile: users.map(user => `${user}-token,${user},,\n`).join(''),
    flags: [
      ...['--share-watches', '--share-watches-across-users', '--recheck-streams=10s'],
      `--audit-log-path=${path}`,
    ],
    server: {
      allow: ({ username }, { verb, resource }) =>
        username === 'proxy' ? verb === 'impersonate' : resource.startsWith('self') || !denied.has(username),
    },
  });
  const namespace = new WatchedNamespace(gateway);
  const from = gateway.server.version;
  const watches: WatchClient[] = [];
  for (const user of users)
    watches.push(await namespace.watch({ from, headers: { Authorization: `Bearer ${user}-token` } }));
  t.after(() => {
    for (const watch of watches) watch.close();
  });
  const [ann, bob, eve] = watches as [WatchClient, WatchClient, WatchClient];
  assert.deepEqual(
    namespace.upstream().map(({ impersonated }) => impersonated?.username),
    ['ann'],
  );
  const events = async () =>
    jsonLines<AuditEvent>(await readFile(path, 'utf8')).filter(
      ({ stage, verb }) => stage === 'ResponseStarted' && verb === 'watch',
    );
  await eventually('the audit events', async () => (await events()).length === users.length);
  assert.deepEqual(
    (await events()).map(({ auditID, user }) => [user.username, auditID]),
    watches.map(({ headers }, index) => [users[index], headers['audit-id']]),
  );
  assert.equal(new Set(watches.map(({ headers }) => headers['audit-id'])).size, users.length);

  denied.add('ann');
  await eventually('the end', async () => {
    clock.advance(1_000);
    await new Promise(setImmediate);
    return ann.state() === 'end';
  });
  namespace.write('later');
  for (const watch of [bob, eve]) await watch.untilNamed('later');
  assert.equal(namespace.upstream().length, 1);
});
