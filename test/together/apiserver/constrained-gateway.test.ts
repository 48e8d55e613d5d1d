import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertStatus, send as sendRaw } from '../../e2e/leg.js';
import { send } from '../../support/clients/http-client.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import { tokens } from '../../support/kube-apiserver/authority-files.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const by = `Authorization: Bearer ${tokens.alice}`;
const refusal = /^the API server does not let this proxy impersonate the group "test", which /;

const authentication = { apiGroups: ['authentication.k8s.io'], verbs: ['impersonate:user-info'] };
/** As a gateway's role has them that may only act to read pods. */
const values = [
  { ...authentication, resources: ['users'] },
  { ...authentication, resources: ['groups'], resourceNames: ['dev', 'test', 'system:authenticated'] },
  { ...authentication, resources: ['uids'] },
];
const pods = { apiGroups: [''], resources: ['pods'], verbs: ['impersonate-on:user-info:list'] };
const acts = ['create', 'get'].map(verb => `impersonate-on:user-info:${verb}`);
const reviews = [
  {
    apiGroups: ['authorization.k8s.io'],
    resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
    verbs: acts,
  },
  { apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'], verbs: acts },
];
const discovery = ['/api', '/api/*', '/apis', '/apis/*', '/openapi/*', '/version'];
const tokenReviews = { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] };

test('readyz of a gateway with rights of constrained impersonation alone says what is missing, until nothing is', async (t, server) => {
  const name = `constrained-${randomUUID()}`;
  await server.grant(name, [...values, pods, tokenReviews]);
  const gateway = await startProxy([
    `--kubeconfig=${await server.kubeconfig({ commonName: name, organizations: [] })}`,
    '--authentication-token-webhook',
  ]);
  t.after(() => gateway.stop('SIGKILL'));
  const readyz = () => send(gateway.port, '/-/readyz?verbose');
  const missing =
    server.minorVersion < 36
      ? /this API server has no constrained impersonation/
      : /lacks rights of constrained impersonation: .*impersonate-on:user-info:create selfsubjectaccessreviews/;
  await eventuallyPasses(async () => {
    const { status, text } = await readyz();
    assert.equal(status, 500, text);
    assert.match(text, missing);
  });
  if (server.minorVersion < 36) return;
  const extras = { ...authentication, resources: ['userextras/authentication.kubernetes.io/credential-id'] };
  const pod = ['node-name', 'node-uid', 'pod-name', 'pod-uid'].map(key => ({
    ...authentication,
    resources: [`userextras/authentication.kubernetes.io/${key}`],
  }));
  await server.grant(name, [...reviews, extras, ...pod]);
  await eventuallyPasses(async () => {
    const { status, text } = await readyz();
    assert.equal(status, 500, text);
    assert.match(
      text,
      new RegExp(
        ['/api', '/api/v1', '/apis', '/apis/apps/v1', '/openapi/v3', '/version']
          .map(path => `impersonate-on:user-info:get ${path}`)
          .join(', '),
      ),
    );
  });
  await server.grant(name, [{ nonResourceURLs: discovery, verbs: acts }]);
  await eventuallyPasses(async () => {
    const { status, text } = await readyz();
    assert.equal(status, 200, text);
  });
  const ask = (method: string, path: string) =>
    send(gateway.port, path, { method, headers: { authorization: `Bearer ${tokens.alice}` } });
  assert.equal((await ask('GET', '/api/v1/namespaces/default/pods')).status, 200);
  const { status, text } = await ask('GET', '/api/v1/namespaces/default/configmaps');
  assert.equal(status, 403);
  assert.match(text, /this proxy may not list configmaps, whoever asks; .*impersonate-on:user-info:list/);
  // What alice may do, and the gateway not.
  await server.grant('alice', [{ apiGroups: [''], resources: ['pods', 'configmaps'], verbs: ['list'] }]);
  const { text: rules } = await ask(
    'GET',
    '/-/rules?request=GET%20/api/v1/configmaps&request=GET%20/api/v1/pods',
  );
  const [refused, allowed] = JSON.parse(rules).requests;
  assert.deepEqual([refused.allowed, refused.reason, allowed.allowed], [false, 'proxy_right', true]);
});

test('a group that the gateway may not impersonate is named in the refusal before the API server has let it impersonate once', async (t, server) => {
  const name = `never-${randomUUID()}`;
  const impersonate = { apiGroups: [''], verbs: ['impersonate'] };
  await server.grant(name, [
    { ...impersonate, resources: ['users'] },
    { ...impersonate, resources: ['groups'], resourceNames: ['dev', 'system:authenticated'] },
    { ...impersonate, apiGroups: ['authentication.k8s.io'], resources: ['uids'] },
  ]);
  const folder = temporaryFolder();
  const tokenFile = join(folder, 'tokens.csv');
  await writeFile(tokenFile, `${tokens.alice},alice,,"dev,test"\n`);
  const gateway = await startProxy([
    `--kubeconfig=${await server.kubeconfig({ commonName: name, organizations: [] })}`,
    `--token-auth-file=${tokenFile}`,
    '--reject-paths=',
  ]);
  t.after(() => gateway.stop('SIGKILL'));
  const pods = '/api/v1/namespaces/default/pods';
  for (const target of [pods, '/version', `${pods}?watch=1&resourceVersion=0`])
    for (const accept of ['*/*', 'application/vnd.kubernetes.protobuf', 'application/yaml']) {
      const headers = [by, `Accept: ${accept}`];
      assert.match(assertStatus(await sendRaw(gateway.port, { target, headers }), 403, target), refusal);
    }
  for (const leg of ['websocket', 'spdy'] as const) {
    const exec = `${pods}/web-0/exec?command=true&stdout=true`;
    const answer = await sendRaw(gateway.port, { leg, target: exec, headers: [by] });
    assert.match(assertStatus(answer, 403, leg), refusal);
  }
  const { text } = await send(gateway.port, '/-/metrics', {
    headers: { authorization: `Bearer ${tokens.alice}` },
  });
  assert.match(text, /rejected_requests_total\{reason="refused_group"\} 11\n/);
  const readyz = await send(gateway.port, '/-/readyz?verbose', {
    headers: { authorization: `Bearer ${tokens.alice}` },
  });
  assert.match(readyz.text, /may not impersonate these groups: "test"/);
});
