import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { test as nodeTest } from 'node:test';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { startGoInformer, whyNoGo } from '../../../support/clients/go-informer.js';
import { startJavascript, whyNoJavascript } from '../../../support/clients/javascript-client.js';
import { kubectl } from '../../../support/clients/kubectl.js';
import { startPython, whyNoPython } from '../../../support/clients/python-client.js';
import { eventually } from '../../../support/eventually.js';
import { isInstalled } from '../../../support/installed.js';
import { wholeLines } from '../../../support/json-lines.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { FilteringGateway } from '../../../support/kube-apiserver/filtering-gateway.js';
import type { Scope } from '../../../support/scope.js';

const javascript = `
import { KubeConfig, CoreV1Api, makeInformer } from '@kubernetes/client-node';
const [server, token] = process.argv.slice(2);
const config = new KubeConfig();
config.loadFromOptions({
  clusters: [{ name: 'a', server, skipTLSVerify: true }],
  users: [{ name: 'a', token }],
  contexts: [{ name: 'a', cluster: 'a', user: 'a' }],
  currentContext: 'a',
});
const api = config.makeApiClient(CoreV1Api);
const informer = makeInformer(config, '/api/v1/namespaces', () => api.listNamespace());
const say = type => object => console.log(type, object.metadata.name);
informer.on('add', say('ADDED'));
informer.on('update', say('MODIFIED'));
informer.on('delete', say('DELETED'));
informer.on('error', error => console.log('ERROR', String(error).slice(0, 200)));
informer.start();
`;

const python = `
import sys, urllib3
from kubernetes import client, watch
urllib3.disable_warnings()
config = client.Configuration()
config.host, config.verify_ssl = sys.argv[1], False
config.api_key = {'authorization': 'Bearer ' + sys.argv[2]}
api = client.CoreV1Api(client.ApiClient(config))
held = set()
while True:
    listed = api.list_namespace()
    names = {item.metadata.name for item in listed.items}
    for name in sorted(held - names):
        print('DELETED', name)
    for name in sorted(names - held):
        print('ADDED', name)
    held = names
    version = listed.metadata.resource_version
    try:
        for event in watch.Watch().stream(api.list_namespace, resource_version=version):
            name = event['object'].metadata.name
            print(event['type'], name)
            held = held - {name} if event['type'] == 'DELETED' else held | {name}
    except client.exceptions.ApiException as error:
        # As this client's documentation says: list again.
        if error.status != 410:
            raise
`;

/** The lines that a program has printed, such as `ADDED a`. */
type Lines = () => readonly string[];

const ofProcess = (scope: Scope, child: ChildProcess): Lines => {
  scope.after(() => child.kill());
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
  return () => wholeLines(text);
};

const go = (accept: string, listsByWatching: boolean) => (scope: Scope, url: string) =>
  startGoInformer(scope, url, 'ann', accept, { listsByWatching });
const asControllers = 'application/vnd.kubernetes.protobuf,application/json';

/** What follows the namespaces of a user: why it is not here, and how it is started. */
type Client = readonly [
  whyNot: string | undefined,
  start: (scope: Scope, url: string) => Lines | Promise<Lines>,
];
const clients: Readonly<Record<string, Client>> = {
  'the informer of client-node': [
    whyNoJavascript(),
    async (scope, url) => ofProcess(scope, await startJavascript(javascript, [url, 'ann'])),
  ],
  'Python’s list and watch': [
    whyNoPython,
    (scope, url) => ofProcess(scope, startPython(python, [url, 'ann'])),
  ],
  'a reflector of client-go that lists': [whyNoGo, go('', false)],
  'a reflector of client-go that lists by watching': [whyNoGo, go('', true)],
  'a reflector of client-go that lists, and prefers protobuf': [whyNoGo, go(asControllers, false)],
  'a reflector of client-go that lists by watching, and prefers protobuf': [whyNoGo, go(asControllers, true)],
};

/** The names that a client holds. Throws if a line makes no sense after those before it. */
function heldBy(lines: readonly string[], what: string): string[] {
  const held = new Set<string>();
  for (const line of lines) {
    const [type, name = ''] = line.split(' ');
    const makesSense =
      type === 'DELETED' ? held.delete(name) : (type === 'ADDED') !== held.has(name) && held.add(name);
    assert.ok(makesSense && /^(?:ADDED|MODIFIED|DELETED) \S+$/.test(line), `${what}: ${lines.join(', ')}`);
  }
  return [...held].sort();
}

const present = Object.entries(clients).flatMap(([name, [why, start]]) => {
  if (why === undefined) return [{ name, start }];
  nodeTest(`${name} holds the visible namespaces`, { skip: why }, () => {});
  return [];
});

test('clients of other projects hold the visible namespaces, while rights come and go, and namespaces of one name', async (t, server) => {
  const files = await createServingFiles();
  const gateway = await FilteringGateway.start(t, server, { users: ['ann'], files });
  const [later, hidden] = [await gateway.namespace('later'), await gateway.namespace('secret')];
  const own = await gateway.namespaceOf('ann', 'own');
  const started = await Promise.all(
    present.map(async ({ name, start }) => ({ name, lines: await start(t, gateway.url) })),
  );
  const hold = async (when: string, ...names: readonly string[]) => {
    for (const { name, lines } of started)
      await eventually(
        `${name} holds ${names} ${when}; it has printed ${lines().join(', ')}`,
        () => heldBy(lines(), name).join() === names.join(),
      );
  };
  await hold('at first', own);
  const unbind = await gateway.bind(later, gateway.user('ann'));
  await hold('with another right', later, own);
  await unbind();
  await hold('without that right', own);
  await gateway.deleteNamespace(hidden);
  await gateway.deleteNamespace(own);
  await hold('after the end of all');
  // Made again, it has the binding that nothing has deleted here.
  await gateway.namespace('own');
  await hold('with another one of that name', own);
  await gateway.bind(later, gateway.groupOf('ann'));
  await hold('with the right of a group', later, own);
  for (const { name, lines } of started)
    assert.deepEqual(
      lines().filter(line => !line.startsWith('MODIFIED')),
      [
        ...[`ADDED ${own}`, `ADDED ${later}`, `DELETED ${later}`, `DELETED ${own}`],
        ...[`ADDED ${own}`, `ADDED ${later}`],
      ],
      name,
    );
});

test('kubectl auth can-i, which reads protobuf, says yes to lists and watches of namespaces alone', async (t, server) => {
  if (!isInstalled('kubectl')) return t.skip('kubectl is not in PATH');
  const files = await createServingFiles();
  const gateway = await FilteringGateway.start(t, server, { users: ['ann'], files });
  await gateway.namespaceOf('ann', 'own');
  const caller = [`--server=${gateway.url}`, '--insecure-skip-tls-verify', '--token=ann'];
  for (const [verb, resource, answer] of [
    ['list', 'namespaces', 'yes\n'],
    ['watch', 'namespaces', 'yes\n'],
    ['delete', 'namespaces', 'no\n'],
    ['list', 'pods', 'no\n'],
  ] as const) {
    const { stdout } = await kubectl([...caller, 'auth', 'can-i', verb, resource]);
    assert.equal(stdout, answer, `${verb} ${resource}`);
  }
});
