import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { send } from '../support/clients/http-client.js';
import type { WatchClient } from '../support/clients/watch-client.js';
import { eventually } from '../support/eventually.js';
import { createIdToken } from '../support/identities/oidc-issuer.js';
import { jsonLines } from '../support/json-lines.js';
import { ManualClock } from '../support/manual-clock.js';
import { adminPort } from '../support/proxy/admin-listener.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startGateway } from '../support/proxy/stack.js';
import { WatchedNamespace } from '../support/proxy/watched-namespace.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** A gateway for tokens that its cluster reviews, with shared watches and an audit log. */
async function start(t: TestContext) {
  const clock = new ManualClock(Date.now());
  const auditLog = join(temporaryFolder(), 'audit.log');
  const gateway = await startGateway(t, {
    run: (scope, argv, env) => startInProcess(scope, argv, env, { clock }),
    flags: [
      ...['--authentication-token-webhook', '--share-watches', '--end-streams-at-expiry=10s'],
      ...[`--audit-log-path=${auditLog}`, '--admin-end-streams', '--admin-port=0'],
      '--admin-address=127.0.0.1',
    ],
    server: { allow: () => true },
  });
  /** A token of ann that expires in so many seconds. */
  const token = (seconds: number): string => {
    const made = createIdToken(new Date(clock.now() + seconds * 1_000));
    gateway.tokens[made] = { username: 'ann' };
    return made;
  };
  const namespace = new WatchedNamespace(gateway);
  const watches: WatchClient[] = [];
  t.after(() => {
    for (const watch of watches) watch.close();
  });
  return {
    ...{ ...gateway, clock, namespace, token },
    async open(token: string): Promise<WatchClient> {
      const watch = await namespace.watch({ headers: { Authorization: `Bearer ${token}` } });
      assert.equal(watch.status, 200);
      watches.push(watch);
      return watch;
    },
    /** Time passes, second by second. */
    async pass(seconds: number): Promise<void> {
      for (let second = 0; second < seconds; second += 1) {
        clock.advance(1_000);
        await new Promise(setImmediate);
      }
    },
    /** Why the audit log says that streams were ended. */
    endings: () =>
      jsonLines<{ readonly annotations?: Readonly<Record<string, string>> }>(
        readFileSync(auditLog, 'utf8'),
      ).flatMap(({ annotations }) => annotations?.['kube-api-proxy/ended-by'] ?? []),
  };
}

test('a client of a shared watch stays for the grace after its token has expired, also when the watch is opened again, and leaves alone; the other one ends by an operator', async t => {
  const { token, open, pass, clock, namespace, server, proxy, endings } = await start(t);
  const [short, long] = [await open(token(20)), await open(token(600))];
  assert.equal(namespace.upstream().length, 1, 'they share');
  await pass(25);
  server.endWatches();
  await eventually('the watch is open again', () => {
    clock.advance(10);
    return namespace.upstream().length === 2;
  });
  namespace.write('in-the-grace');
  await short.untilNamed('in-the-grace');
  await pass(6);
  assert.equal(await short.ended, 'end');
  namespace.write('later');
  await long.untilNamed('later');
  await eventually('the audit event', () => endings().length === 1);
  assert.deepEqual(endings(), ['expiry']);
  const lines = () =>
    proxy.log().filter(({ path, endedBy }) => path === namespace.path && endedBy !== undefined);
  await eventually('the line', () => lines().length === 1);
  assert.deepEqual(
    lines().map(({ user, endedBy, code }) => [user, endedBy, code]),
    [['ann', 'expiry', 200]],
  );
  const port = await adminPort(proxy);
  assert.equal((await send(port, '/streams?user=ann', { method: 'DELETE' })).status, 200);
  assert.equal(await long.ended, 'end');
  await eventually('the audit event', () => endings().length === 2);
  assert.deepEqual(endings(), ['expiry', 'operator']);
});
