import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { eventually } from '../../support/eventually.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import {
  bind,
  callers,
  changes,
  createConfigMap,
  type Pair,
  startSharingGateway,
  tokenOf,
} from '../../support/kube-apiserver/sharing-gateway.js';

test('users who are deleted leave the watches that they share, whoever opened them, and the others get what direct watches give them, byte for byte', async (t, server) => {
  const { admin } = server;
  const namespace = await server.createNamespace();
  const id = randomUUID().slice(0, 8);
  const [stays, line, bound] = [`stays-${id}`, `line-${id}`, `bound-${id}`] as const;
  const account = `system:serviceaccount:${namespace}:robot`;
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['watch'] }];
  const robot = `/api/v1/namespaces/${namespace}/serviceaccounts/robot`;
  await admin.do('POST', robot.replace('/robot', ''), { metadata: { name: 'robot' } });
  await bind(server, namespace, { account: 'robot' }, rules);
  for (const user of [stays, line]) await bind(server, namespace, user, rules);
  const unbind = await bind(server, namespace, bound, rules);
  const { status } = (await admin.do('POST', `${robot}/token`, { spec: {} })) as {
    status: { token: string };
  };

  const gateway = await startSharingGateway(
    t,
    server,
    [stays, line, bound],
    ['--authentication-token-webhook', '--recheck-streams=10s'],
  );
  const token = (user: string) => (user === account ? status.token : tokenOf(user));
  const from = await createConfigMap(server, namespace, 'before');
  const watch = (user: string, opener: string) => {
    const selector = encodeURIComponent(`!opened-by/${opener.replace(/.*:/, '')}`);
    const target = `/api/v1/namespaces/${namespace}/configmaps?watch=1&resourceVersion=${from}`;
    return gateway.both(user, `${target}&labelSelector=${selector}`, { token: token(user) });
  };
  const deleted = [line, bound, account];
  const left: Pair[] = [];
  const gone: Pair[] = [];
  for (const opener of deleted) {
    gone.push(await watch(opener, opener));
    left.push(await watch(stays, opener));
    for (const user of deleted) if (user !== opener) gone.push(await watch(user, opener));
  }
  const { opened, ring } = await gateway.joins();
  assert.deepEqual([opened, ring], [3, 9]);
  await createConfigMap(server, namespace, 'one');
  for (const { shared } of [...left, ...gone]) await shared.untilNamed('one');

  await Promise.all([gateway.writeTokens(callers(stays, bound)), unbind(), admin.do('DELETE', robot)]);
  for (const { shared } of gone) assert.equal(await shared.ended, 'end');
  await createConfigMap(server, namespace, 'two');
  for (const { shared, direct } of left) {
    await shared.untilNamed('two');
    await direct.untilNamed('two');
    assert.equal(changes(shared), changes(direct));
  }
  for (const { shared, direct } of gone) {
    await direct.untilNamed('one');
    assert.equal(shared.frames.length, 1);
    assert.ok(changes(direct).startsWith(changes(shared)));
  }
  for (const opener of deleted) {
    const answers = [];
    for (const user of [stays, ...deleted]) {
      const { shared, direct } = await watch(user, opener);
      if (user === bound) {
        await eventually('the whole answers', () => shared.bytes().length > 0 && direct.bytes().length > 0);
        assert.equal(shared.bytes().toString(), direct.bytes().toString());
      }
      answers.push(shared.status);
    }
    assert.deepEqual(answers, [200, 401, 403, 401]);
  }
  assert.equal((await gateway.joins())['opened'], opened, 'no watch was opened again');
});
