import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { send } from '../../support/clients/http-client.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import { tokens } from '../../support/kube-apiserver/authority-files.js';
import { startProxy } from '../../support/proxy/proxy.js';

const authentication = { apiGroups: ['authentication.k8s.io'], verbs: ['impersonate:user-info'] };
/** As a gateway's role has them that may only act to read pods. */
const values = [
  { ...authentication, resources: ['users'] },
  { ...authentication, resources: ['groups'], resourceNames: ['dev', 'test', 'system:authenticated'] },
  { ...authentication, resources: ['uids'] },
];
const pods = { apiGroups: [''], resources: ['pods'], verbs: ['impersonate-on:user-info:list'] };
const reviews = {
  apiGroups: ['authorization.k8s.io'],
  resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
  verbs: ['impersonate-on:user-info:create'],
};
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
  await server.grant(name, [reviews, extras, ...pod]);
  await eventuallyPasses(async () => {
    const { status, text } = await readyz();
    assert.equal(status, 200, text);
  });
  const ask = (method: string, path: string) =>
    send(gateway.port, path, { method, headers: { authorization: `Bearer ${tokens.alice}` } });
  assert.equal((await ask('GET', '/api/v1/namespaces/default/pods')).status, 200);
  const { status, text } = await ask('GET', '/api/v1/namespaces/default/configmaps');
  assert.equal(status, 403);
  assert.match(text, /cannot impersonate-on:user-info:list resource \\"configmaps\\"/);
});
