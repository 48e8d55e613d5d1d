import assert from 'node:assert/strict';
import { test } from '../../../apiserver/kubectl-stack.js';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { kubectl, seen, startKubectl } from '../../../support/clients/kubectl.js';
import { FilteringGateway } from '../../../support/kube-apiserver/filtering-gateway.js';
import { writeKubeconfig } from '../../../support/proxy/kubeconfig-file.js';

test('kubectl lists, watches and asks about the namespaces of a user, also as another one', async (t, server) => {
  const gateway = await FilteringGateway.start(t, server, {
    users: ['ann', 'boss'],
    flags: ['--allow-impersonation'],
    // kubectl sends tokens over TLS alone.
    files: await createServingFiles(),
  });
  const later = await gateway.namespace('later', { stage: 'later' });
  await gateway.namespace('secret');
  const ann = `ann-${gateway.id}`;
  await server.grant(`boss-${gateway.id}`, [
    { apiGroups: [''], resources: ['users'], verbs: ['impersonate'], resourceNames: [ann] },
  ]);
  const own = await gateway.namespaceOf('ann', 'own', { stage: 'own' });

  const run = async (token: string, ...args: readonly string[]) => {
    const { path } = await writeKubeconfig({ ...gateway.address, token });
    const { code, stdout, stderr } = await kubectl(args, { env: { KUBECONFIG: path } });
    assert.doesNotMatch(stdout + stderr, /secret/);
    return `${code} ${stdout}${stderr}`;
  };
  const name = new RegExp(`^0 namespace/${own}\n$`);
  for (const [args, output] of [
    [['get', 'namespaces'], new RegExp(`^0 NAME +STATUS +AGE\n${own} +Active +\\d+s\n$`)],
    [['get', 'ns', '-o', 'name'], name],
    [
      ['get', 'ns', '-o', 'yaml'],
      new RegExp(`^0 apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Namespace.+name: ${own}\n`, 's'),
    ],
    [['get', 'ns', '-l', 'stage=own', '-o', 'name'], name],
    [['get', 'ns', '-l', 'stage=later', '-o', 'name'], /^0 $/],
    [['get', 'ns', '--field-selector', `metadata.name=${own}`, '-o', 'name'], name],
    [['get', 'ns', '--chunk-size=1', '--sort-by=.metadata.name', '-o', 'name'], name],
    [['get', 'ns', later], /^1 .*Forbidden/],
    [['get', 'pods', '-A'], /^1 .*Forbidden/],
    [['auth', 'can-i', 'list', 'namespaces'], /^0 yes\n/],
    [['auth', 'can-i', 'watch', 'ns', '-n', 'default'], /yes\n/],
    [['auth', 'can-i', 'delete', 'ns'], /^1 no\n/],
    [['auth', 'can-i', 'list', 'pods', '-A'], /^1 no\n/],
    [['auth', 'can-i', '--list'], /^0 Resources/],
  ] as const)
    assert.match(await run('ann', ...args), output, args.join(' '));
  assert.match(await run('boss', 'get', 'ns', '-o', 'name'), /^0 $/);
  assert.match(await run('boss', 'get', 'ns', '-o', 'name', '--as', ann), name);
  assert.match(await run('boss', 'auth', 'can-i', 'list', 'ns', '--as', ann), /^0 yes\n/);

  const { path } = await writeKubeconfig({ ...gateway.address, token: 'ann' });
  const watching = startKubectl(['get', 'ns', '-w', '--output-watch-events'], { KUBECONFIG: path });
  t.after(() => watching.kill());
  await seen(watching, new RegExp(`EVENT +NAME.*\nADDED +${own} +Active`));
  const modified = seen(watching, new RegExp(`MODIFIED +${own} +Active`));
  await server.admin.do('PATCH', `/api/v1/namespaces/${own}`, { metadata: { labels: { stage: 'new' } } });
  await modified;
  // What kubectl says to a version that is too old.
  const ended = seen(watching, /too old resource version/);
  await gateway.bind(later, gateway.user('ann'));
  await ended;
  assert.match(
    await run('ann', 'get', 'ns', '-o', 'name'),
    new RegExp(`^0 namespace/${later}\nnamespace/${own}\n$`),
  );

  const note = JSON.parse(
    (await gateway.ask('ann', '/-/rules?request=GET%20/api/v1/namespaces&request=GET%20/api/v1/pods')).text,
  ) as { requests: { note?: string }[] };
  assert.match(note.requests[0]?.note ?? '', /--filter-namespaces/);
  assert.equal(note.requests[1]?.note, undefined);
});
