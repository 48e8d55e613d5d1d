import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { requestApi } from '../clients/http-client.js';
import { kubectl, kubectlTest } from '../clients/kubectl.js';
import { writeKubeconfig } from '../proxy/kubeconfig-file.js';
import { startFakeApiServer } from './fake-api-server.js';

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'crontabs.stable.example.com' },
  spec: {
    group: 'stable.example.com',
    scope: 'Namespaced',
    names: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', shortNames: ['ct'] },
    versions: [
      {
        name: 'v1',
        additionalPrinterColumns: [
          { name: 'Spec', type: 'string', jsonPath: '.spec.cronSpec' },
          { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
        schema: {
          openAPIV3Schema: {
            description: 'CronTab runs something at a time.',
            properties: {
              spec: {
                type: 'object',
                properties: { cronSpec: { type: 'string', description: 'When it runs.' } },
              },
            },
          },
        },
      },
    ],
  },
};
const server = await startFakeApiServer({ customResources: [definition] });
const kubeconfig = await writeKubeconfig({
  server: server.url,
  ca: server.authority.certificate,
  ...server.clientCertificate,
});
after(() => server.kill());

const run = async (...args: string[]) => {
  const { code, stdout, stderr } = await kubectl(args, { env: { KUBECONFIG: kubeconfig.path } });
  assert.equal(code, 0, stderr);
  return stdout.replaceAll(/ +/g, ' ');
};

test('a custom resource can be discovered, written and read, and its definition is among the objects', async () => {
  const { text: body } = await requestApi(server, { path: '/apis/stable.example.com/v1' });
  assert.match(body, /"name":"crontabs","singularName":"crontab","namespaced":true,"kind":"CronTab"/);
  const path = '/apis/stable.example.com/v1/namespaces/default/crontabs';
  const object = { metadata: { name: 'nightly' }, spec: { cronSpec: '0 3 * * *', replicas: 2 } };
  const headers = { 'Content-Type': 'application/json' };
  const created = await requestApi(server, { method: 'POST', path, headers, body: JSON.stringify(object) });
  assert.equal(created.status, 201);
  const list = await requestApi(server, { path });
  assert.match(list.text, /"kind":"CronTabList","apiVersion":"stable\.example\.com\/v1"/);
  const own = await requestApi(server, {
    path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/crontabs.stable.example.com',
  });
  assert.match(own.text, /"plural":"crontabs"/);
});

kubectlTest('kubectl prints and explains a custom resource', async () => {
  const object = {
    ...{ apiVersion: 'stable.example.com/v1', kind: 'CronTab' },
    ...{ metadata: { namespace: 'team-0', name: 'daily' }, spec: { cronSpec: '@daily', replicas: 1 } },
  };
  server.write(object);
  const [heading, row] = (await run('get', 'ct', '--namespace=team-0')).split('\n');
  assert.equal(heading, 'NAME SPEC REPLICAS AGE');
  assert.match(row ?? '', /^daily @daily 1 /);
  assert.match(await run('explain', 'crontab.spec'), /KIND: CronTab[\s\S]*cronSpec\t<string>\n When it runs/);
  assert.match(await run('explain', 'crontab.metadata'), /labels\t<map\[string\]string>/);
});

kubectlTest('kubectl prints the fields of events, claims and controllers of Pods', async () => {
  const metadata = (name: string) => ({ namespace: 'team-0', name, uid: name, creationTimestamp: hourAgo });
  const hourAgo = new Date(Date.now() - 3_605_000).toISOString();
  server.write({
    ...{ apiVersion: 'v1', kind: 'Event', metadata: metadata('web-0.1'), type: 'Warning', reason: 'BackOff' },
    ...{ involvedObject: { kind: 'Pod', name: 'web-0' }, message: 'Back-off restarting', count: 3 },
    ...{ firstTimestamp: hourAgo, lastTimestamp: hourAgo, source: { component: 'kubelet' } },
  });
  server.write({
    ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: metadata('web-7d') },
    ...{ spec: { replicas: 3 }, status: { replicas: 3, readyReplicas: 2 } },
  });
  server.write({
    ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: metadata('clean'), spec: { completions: 1 } },
    status: { succeeded: 1, startTime: hourAgo, completionTime: hourAgo },
  });
  server.write({
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: metadata('data') },
    spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'fast', volumeName: 'pv-1' },
    status: { phase: 'Bound', capacity: { storage: '8Gi' } },
  });
  const table = async (resource: string) => (await run('get', resource, '--namespace=team-0')).trimEnd();
  assert.equal(
    await table('events'),
    'LAST SEEN TYPE REASON OBJECT MESSAGE\n60m Warning BackOff pod/web-0 Back-off restarting',
  );
  assert.equal(await table('replicasets'), 'NAME DESIRED CURRENT READY AGE\nweb-7d 3 3 2 60m');
  assert.equal(await table('jobs'), 'NAME STATUS COMPLETIONS DURATION AGE\nclean Complete 1/1 0s 60m');
  assert.equal(
    await table('pvc'),
    'NAME STATUS VOLUME CAPACITY STORAGECLASS AGE\ndata Bound pv-1 8Gi fast 60m',
  );
});
