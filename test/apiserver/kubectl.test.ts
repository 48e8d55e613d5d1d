import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type KubectlOptions, seen } from '../support/clients/kubectl.js';
import { Stack, test } from './kubectl-stack.js';

const configMap = (name: string, data: Readonly<Record<string, string>> = {}) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });

/** A deployment with these containers and their images. */
const deployment = (name: string, containers: Readonly<Record<string, string>>) => {
  const labels = { app: name };
  const own = Object.entries(containers).map(([container, image]) => ({ name: container, image }));
  const template = { metadata: { labels }, spec: { containers: own } };
  const spec = { selector: { matchLabels: labels }, template };
  return JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec });
};

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

test('kubectl creates, applies, replaces, patches and deletes objects', async (t, server) => {
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
  const replacement = configMap('applied', { z: '26' });
  assert.equal(await succeed('replace -f -', { input: replacement }), 'configmap/applied replaced\n');
  assert.equal(await read('cm/applied', '{.data}'), '{"z":"26"}');

  // kubectl sends these two as protobuf.
  await succeed('create secret generic made --from-literal=k=v');
  assert.equal(await read('secret/made', '{.data.k}'), 'dg==');
  await succeed('create deployment made --image=a:1 --replicas=2');
  const images = '{.spec.template.spec.containers[*].image}';
  assert.equal(await read('deployment/made', `{.spec.replicas} ${images}`), '2 a:1');
  await succeed('label deployment made tier=front');
  await stack.succeed(['annotate', 'deployment', 'made', 'note=a b']);
  await succeed('scale deployment/made --replicas=3');
  const notes = '{.metadata.labels.tier},{.metadata.annotations.note},{.spec.replicas}';
  assert.equal(await read('deployment/made', notes), 'front,a b,3');
  await apply(deployment('merged', { a: 'a:1', b: 'b:1' }));
  await apply(deployment('merged', { a: 'a:2', c: 'c:1' }));
  assert.equal(await read('deployment/merged', images), 'a:2 c:1');

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

test('kubectl apply --server-side on a mount writes, reports a conflict of field managers, and forces it', async (t, server) => {
  const stack = (await Stack.start(t, server)).atMount();
  const apply = (value: string, manager: string, ...more: string[]) => {
    const flags = ['--server-side', `--field-manager=${manager}`, ...more];
    return stack.run(['apply', ...flags, '-f', '-'], { input: configMap('applied', { value }) });
  };
  assert.equal((await apply('1', 'one')).stdout, 'configmap/applied serverside-applied\n');
  const conflict = await apply('2', 'other');
  assert.equal(conflict.code, 1);
  assert.match(conflict.stderr, /conflict with "one": \.data\.value/);
  assert.equal((await apply('2', 'other', '--force-conflicts')).code, 0);
  assert.equal(await stack.succeed(['get', 'cm/applied', '-o', 'jsonpath={.data.value}']), '2');
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
