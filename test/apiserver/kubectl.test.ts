import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type KubectlOptions, seen } from '../support/clients/kubectl.js';
import { Stack, test } from './kubectl-stack.js';

const configMap = (name: string, data: Readonly<Record<string, string>> = {}) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });

test('kubectl prints what it reads, as without the program', async (t, server) => {
  const stack = await Stack.start(t, server);
  const printed: readonly (readonly [command: string, pattern: RegExp])[] = [
    ['get pods -n default', /^NAME +READY +STATUS +RESTARTS +AGE\nweb-0 +1\/1 +Running /],
    ['get pods -A -o wide', /team-0 +web-1 .*node-0/],
    ['get -n default configmap settings -o yaml', /^apiVersion: v1\ndata:\n {2}color: blue\n/],
    ['get -n default cm/settings -o jsonpath={.data.size}', /^3$/],
    ['get pods -A --chunk-size=1 -l app=web -o name', /^(pod\/web-[01]\n){4}$/],
    ['get -n default deploy,svc,cm', /deployment\.apps\/web[\s\S]*service\/web/],
    ['describe -n default deployment web', /^Name: +web\n/],
    ['explain pod.spec.containers', /KIND: +Pod[\s\S]*FIELD: containers /],
    ['api-resources', /^deployments +deploy +apps\/v1 +true +Deployment$/m],
    ['api-versions', /^apps\/v1$/m],
    ['version -o json', /"serverVersion": \{[\s\S]*"gitVersion": "v1\./],
    ['get --raw /livez', /^ok$/],
    ['get --raw /readyz?verbose', /readyz check passed\n$/],
    ['get --raw /api/v1/namespaces/default/configmaps/settings', /"blue"/],
    ['auth can-i delete nodes', /^yes\n$/],
    ['auth can-i --list', /\*\.\*/],
    ['auth whoami', /^Username +admin$/m],
    ['auth whoami --as=alice --as-group=dev', /alice[\s\S]*dev/],
    ['wait -n default pod/web-0 --for=condition=Ready --timeout=10s', /condition met/],
  ];
  for (const [command, pattern] of printed) {
    assert.match(await stack.succeed(command.split(' ')), pattern, command);
  }
  const missing = await stack.run(['get', 'pod', 'missing']);
  assert.deepEqual(
    [missing.code, missing.stderr],
    [1, 'Error from server (NotFound): pods "missing" not found\n'],
  );
  const asked = await stack.run(['auth', 'can-i', 'delete', 'nodes', '--as=nobody']);
  assert.deepEqual([asked.code, asked.stdout], [1, 'no\n']);
});

test('kubectl creates, applies, patches and deletes objects', async (t, server) => {
  const stack = await Stack.start(t, server);
  const succeed = (command: string, options?: KubectlOptions) => stack.succeed(command.split(' '), options);
  const read = (name: string, path: string) => stack.succeed(['get', name, '-o', `jsonpath=${path}`]);

  assert.equal(await succeed('create cm written --from-literal=a=1'), 'configmap/written created\n');
  assert.match((await stack.run(['create', 'cm', 'written'])).stderr, /already exists/);
  assert.equal(await succeed('create cm dry --dry-run=server -o name'), 'configmap/dry\n');
  assert.equal((await stack.run(['get', 'cm/dry'])).code, 1);

  const apply = (input: string) => succeed('apply -f -', { input });
  assert.equal(await apply(configMap('applied', { a: '1', b: '2' })), 'configmap/applied created\n');
  assert.equal(await apply(configMap('applied', { a: '1', b: '2' })), 'configmap/applied unchanged\n');
  assert.equal(await apply(configMap('applied', { a: 'one' })), 'configmap/applied configured\n');
  assert.equal(await read('cm/applied', '{.data}'), '{"a":"one"}');

  // kubectl sends this as protobuf.
  await succeed('create secret generic made --from-literal=k=v');
  assert.equal(await read('secret/made', '{.data.k}'), 'dg==');

  await succeed('create -f -', { input: configMap('patched', { a: '1', b: '2' }) });
  for (const [type, body, data] of [
    ['strategic', '{"data":{"a":"one"}}', '{"a":"one","b":"2"}'],
    ['merge', '{"data":{"b":null}}', '{"a":"one"}'],
    ['json', '[{"op":"add","path":"/data/c","value":"3"}]', '{"a":"one","c":"3"}'],
  ] as const) {
    assert.equal(await succeed(`patch cm patched --type=${type} -p ${body} -o jsonpath={.data}`), data);
  }

  assert.equal(await succeed('delete cm/written'), 'configmap "written" deleted\n');
  await succeed('label cm/patched doomed=yes');
  assert.equal(await succeed('delete cm -l doomed=yes'), 'configmap "patched" deleted\n');
  assert.equal((await stack.run(['get', 'cm/patched'])).code, 1);
});

test('kubectl get -w and kubectl wait on a mount see each change at once', async (t, server) => {
  const stack = (await Stack.start(t, server)).atMount();
  await stack.succeed(['create', 'configmap', 'listed']);
  const watch = stack.start(['get', 'configmaps', '-w', '-o', 'name']);
  await seen(watch, /configmap\/listed/);
  const added = seen(watch, /configmap\/watched/);
  await stack.succeed(['create', 'configmap', 'watched']);
  await added;
  const changed = seen(watch, /configmap\/watched/);
  await stack.succeed(['label', 'configmap', 'watched', 'seen=twice']);
  await changed;

  const value = stack.start(['wait', 'cm/watched', '--for=jsonpath={.data.ready}=yes', '--timeout=2m']);
  const met = Promise.all([seen(value, /condition met/), once(value, 'close')]);
  await stack.untilWatches(2);
  await stack.succeed(['patch', 'cm/watched', '-p', '{"data":{"ready":"yes"}}']);
  await met;
  const ended = once(stack.start(['wait', 'cm/watched', '--for=delete', '--timeout=2m']), 'close');
  await stack.untilWatches(2);
  await stack.succeed(['delete', 'cm/watched']);
  assert.deepEqual(await ended, [0, null]);
});
