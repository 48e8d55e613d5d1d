import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { test } from '../../../apiserver/kubectl-stack.js';
import { eventually } from '../../../support/eventually.js';
import { assertEnded, assertRunning, StreamGateway } from '../../../support/kube-apiserver/stream-gateway.js';
import { callersFlag } from '../../../support/proxy/callers.js';
import { replaceFile } from '../../../support/replaced-file.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

test('every stream of kubectl ends after its RoleBinding is deleted or its token is taken away, and no other one', async (t, server) => {
  const id = randomUUID();
  const users = ['unbound', 'unknown', 'other'].map(name => `${name}-${id}`) as [string, string, string];
  const [unbound, unknown, other] = users;
  const tokens = join(temporaryFolder(), 'tokens.csv');
  const write = (left: readonly string[]) =>
    replaceFile(tokens, left.map(user => `token-of-${user},${user},,\n`).join(''));
  await write(users);
  const gateway = await StreamGateway.start(t, server, [callersFlag(tokens), '--recheck-streams=10s']);
  const [unbind] = await Promise.all(users.map(user => gateway.bind(user)));
  const [ofUnbound, ofUnknown, ofOther] = await Promise.all(
    users.map(user => gateway.openAll([`--token=token-of-${user}`])),
  );
  await unbind?.();
  await write([unbound, other]);
  await assertEnded(ofUnbound ?? [], /you may no longer do what this stream began with/);
  await assertEnded(ofUnknown ?? [], /no longer accepts the credential/);
  const ends = () =>
    gateway.proxy
      .log()
      .filter(({ endedBy }) => endedBy === 'access' || endedBy === 'caller')
      .map(({ user, endedBy }) => `${user} ${endedBy}`);
  await eventually('each stream has its line', () => ends().length === 2 * (ofUnbound?.length ?? 0));
  assert.deepEqual(new Set(ends()), new Set([`${unbound} access`, `${unknown} caller`]));
  assertRunning(ofOther ?? []);
});
