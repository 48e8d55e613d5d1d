import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { send } from '../../../support/clients/http-client.js';
import { eventually, eventuallyPasses } from '../../../support/eventually.js';
import type { ApiServer } from '../../../support/kube-apiserver/api-server.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { startOwnApiServer } from '../../../support/kube-apiserver/run.js';
import { callersFlag } from '../../../support/proxy/callers.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { definition, definitions, group } from '../profile-definition.js';

const folder = temporaryFolder();
const execVersion = 'client.authentication.k8s.io/v1';

/** A plugin that keeps what it was told, and answers with a client certificate. Returns the file of the operator that names it. */
async function writePlugin(server: ApiServer): Promise<{ readonly file: string; told(): Promise<string> }> {
  const { certificate, key } = await server.authority.client({
    commonName: 'plugin',
    organizations: ['system:masters'],
  });
  const status = { clientCertificateData: certificate, clientKeyData: key };
  const answer = join(folder, 'answer.json');
  await writeFile(answer, JSON.stringify({ kind: 'ExecCredential', apiVersion: execVersion, status }));
  const [command, record, file] = [
    join(folder, 'plugin'),
    join(folder, 'told'),
    join(folder, 'providers.json'),
  ];
  await writeFile(command, `#!/bin/sh\n{ echo "$@"; env; } > '${record}'\nexec cat '${answer}'\n`);
  await chmod(command, 0o755);
  const execConfig = { apiVersion: execVersion, command, args: ['own'], env: null, provideClusterInfo: true };
  await writeFile(file, JSON.stringify({ providers: [{ name: 'secretreader', execConfig }] }));
  return { file, told: () => readFile(record, 'utf8') };
}

test('a ClusterProfile is a cluster that the plugin of its provider signs in to, in each version of the API', async (t, spoke) => {
  const id = randomUUID().slice(0, 8);
  const { server: hub } = await startOwnApiServer(t, spoke);
  const namespace = await hub.createNamespace();
  const [gatewayUser, ann] = [`gateway-${id}`, `ann-${id}`];
  const rights = [{ apiGroups: [group], resources: ['clusterprofiles'], verbs: ['list', 'watch', 'get'] }];
  await hub.bind(namespace, gatewayUser, rights);
  await spoke.grant(ann, [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }]);
  const tokens = join(folder, 'tokens.csv');
  await writeFile(tokens, `token-of-ann,${ann},,\n`);
  const plugin = await writePlugin(spoke);
  const flags = [
    `--kubeconfig=${await hub.kubeconfig({ commonName: gatewayUser, organizations: [] })}`,
    ...[`--clusters-from=cluster-profile:${namespace}`, '--clusters-from-servers=127\\.0\\.0\\.1'],
    ...[`--clusterprofile-provider-file=${plugin.file}`, callersFlag(tokens)],
  ];
  const start = async () => {
    const { port } = await startInProcess(t, flags);
    return (path: string) => send(port, path, { headers: { authorization: 'Bearer token-of-ann' } });
  };

  const early = await start();
  await eventually('readyz says what is missing', async () =>
    (await early('/-/readyz?verbose')).text.includes(`answers 404 to a GET of /apis/${group}`),
  );
  await hub.admin.do('POST', definitions, definition('v1alpha1'));
  const profiles = (version: string) => `/apis/${group}/${version}/namespaces/${namespace}/clusterprofiles`;
  const old = profiles('v1alpha1');
  await eventually('the resource', async () => (await hub.admin.ask('GET', old)).status === 200);
  const spec = { displayName: 'Spoke', clusterManager: { name: 'test' } };
  const profile = {
    apiVersion: `${group}/v1alpha1`,
    kind: 'ClusterProfile',
    metadata: { name: 'spoke-1' },
    spec,
  };
  await hub.admin.do('POST', old, profile);
  const cluster = {
    server: spoke.url,
    'certificate-authority-data': Buffer.from(spoke.authority.certificate).toString('base64'),
    extensions: [
      { name: 'client.authentication.k8s.io/exec', extension: { clusterName: 'spoke-1' } },
      { name: `clusterprofiles.${group}/exec/additional-args`, extension: ['--evil'] },
      { name: `clusterprofiles.${group}/exec/additional-envs`, extension: { LD_PRELOAD: '/evil.so' } },
    ],
  };
  const conditions = [
    {
      type: 'ControlPlaneHealthy',
      status: 'False',
      reason: 'Gone',
      message: 'no heartbeat',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
  ];
  await hub.admin.do('PATCH', `${old}/spoke-1/status`, {
    status: { conditions, accessProviders: [{ name: 'secretreader', cluster }] },
  });

  const configMaps = `/clusters/${namespace}.spoke-1/api/v1/namespaces/default/configmaps`;
  for (const [version, ask] of [
    ['v1alpha1', early],
    ['v1alpha2', undefined],
  ] as const) {
    if (version === 'v1alpha2') {
      await hub.admin.do('PATCH', `${definitions}/clusterprofiles.${group}`, definition('v1alpha2'));
      const isServed = async () => (await hub.admin.ask('GET', profiles(version))).status === 200;
      await eventually('the new version', isServed);
    }
    const by = ask ?? (await start());
    await eventually(`it is found in ${version}`, async () => (await by(configMaps)).status === 200);
    assert.equal((await by(configMaps.replace('configmaps', 'pods'))).status, 403);
    await eventuallyPasses(async () => {
      const { clusters } = (await by('/-/clusters')).json as { clusters: Record<string, unknown>[] };
      const { state, condition } = clusters.find(({ name }) => name === `${namespace}.spoke-1`) ?? {};
      assert.deepEqual([state, condition], ['ready', 'ControlPlaneHealthy: False: Gone: no heartbeat']);
    });
  }

  const told = await plugin.told();
  assert.doesNotMatch(told, /evil|LD_PRELOAD|token-of-ann/);
  const [args] = told.split('\n');
  const info = /^KUBERNETES_EXEC_INFO=(.*)$/m.exec(told)?.[1] ?? '';
  const { extensions: _, ...rest } = cluster;
  const given = { ...rest, config: { clusterName: 'spoke-1' } };
  assert.deepEqual([args, JSON.parse(info).spec.cluster], ['own', given]);
});
