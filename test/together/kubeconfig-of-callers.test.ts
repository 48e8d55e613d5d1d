import assert from 'node:assert/strict';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ask, connectHttp2 } from '../support/clients/http2-client.js';
import { kubectl, kubectlTest } from '../support/clients/kubectl.js';
import { embeddedApiServer } from '../support/embedded-api-server.js';
import { until } from '../support/eventually.js';
import { proxyToken, twoUsers } from '../support/identities/two-users.js';
import { createChainFiles } from '../support/proxy/many-clusters.js';
import { startGateway } from '../support/proxy/stack.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { startSigningIssuer } from './signing-issuer.js';

/** Runs kubectl with a kubeconfig, without an input for prompts. */
async function whoami(text: string, env: Record<string, string> = {}, home = temporaryFolder()) {
  await writeFile(join(home, 'config'), text);
  return kubectl(['--kubeconfig', join(home, 'config'), 'auth', 'whoami'], { env: { HOME: home, ...env } });
}

kubectlTest('/-/kubeconfig makes kubectl log in if there is an OpenID Connect issuer', async t => {
  const folder = temporaryFolder();
  const server = await embeddedApiServer(t, { tokens: { [proxyToken]: { username: 'proxy' } } });
  const files = await createChainFiles();
  const { issuer, sign, flags } = await startSigningIssuer(t, files.authority, 'gw');
  const scopes_supported = ['openid', 'offline_access', 'groups', 'phone', 'email'];
  Object.assign(issuer.metadata, { scopes_supported });
  const { proxy } = await startGateway(t, {
    ...{ tokenFile: twoUsers, server },
    flags: [...flags, ...['--oidc-username-claim=email', '--oidc-groups-claim=groups', ...files.flags]],
  });
  const session = await connectHttp2(proxy.port, files.authority.certificate);
  await until(
    async () => !(await ask(session, '/-/readyz?verbose')).text.includes('warn: there are no keys'),
  );
  const { text } = await ask(session, '/-/kubeconfig');
  const forSignIn = await ask(session, '/-/kubeconfig?auth=oidc');
  assert.deepEqual((parse(forSignIn.text) as { users: unknown }).users, [
    {
      name: 'kube-api-proxy',
      user: {
        'auth-provider': {
          name: 'oidc',
          config: { 'client-id': 'gw', 'idp-issuer-url': issuer.url, scope: 'email,groups,offline_access' },
        },
      },
    },
  ]);
  for (const query of ['auth=exec', 'auth=', 'auth', 'auth=oidc&auth=oidc', 'auth=OIDC']) {
    const { status, text } = await ask(session, `/-/kubeconfig?${query}`);
    assert.equal(status, 400, query);
    assert.match(text, /auth can only be oidc, once/);
  }
  for (const query of ['?', '?x=auth', '?auth2=oidc'])
    assert.equal((await ask(session, `/-/kubeconfig${query}`)).text, text, query);
  session.destroy();
  assert.match(text, /^# token: "PASTE-YOUR-TOKEN-HERE"$/m);
  const without = await whoami(text);
  assert.match(without.stderr, /kubectl-oidc_login not found[\s\S]*kubectl krew install oidc-login/);
  // This script replaces kubelogin, and records its arguments.
  const bin = await mkdtemp(join(folder, 'bin-'));
  const idToken = sign({ email: 'alice', email_verified: true, groups: ['team'] });
  const credential = JSON.stringify({
    ...{ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential' },
    status: { token: idToken },
  });
  await writeFile(
    join(bin, 'kubectl-oidc_login'),
    `#!/bin/sh\necho "$@" > '${bin}/arguments'\necho '${credential}'\n`,
    { mode: 0o755 },
  );
  const { stdout, stderr } = await whoami(text, { PATH: `${bin}:${process.env['PATH']}` });
  assert.match(stdout, /Username +alice\nGroups +\[team system:authenticated\]/, stderr);
  const scopes = ['email', 'groups', 'offline_access'].map(scope => `--oidc-extra-scope=${scope}`);
  assert.equal(
    await readFile(join(bin, 'arguments'), 'utf8'),
    `get-token --oidc-issuer-url=${issuer.url} --oidc-client-id=gw ${scopes.join(' ')}\n`,
  );
});

kubectlTest(
  '/-/kubeconfig works with a client certificate once its files exist, and no X-Forwarded-* or Forwarded says its address',
  async t => {
    const files = await createChainFiles();
    const ca = await files.replace('clients.crt', files.authority.certificate);
    const { proxy } = await startGateway(t, {
      ...{ server: { allow: () => true } },
      flags: [...files.flags, `--client-ca-file=${ca}`],
    });
    const { certificate, key } = await files.authority.client({ commonName: 'carol', organizations: [] });
    const session = await connectHttp2(proxy.port, files.authority.certificate, { cert: certificate, key });
    const { text } = await ask(session, '/-/kubeconfig', {
      headers: {
        ...{ 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', 'x-forwarded-port': '666' },
        ...{ 'x-forwarded-prefix': '/evil', 'x-forwarded-server': 'evil.example', 'x-real-ip': '10.6.6.6' },
        ...{ 'x-forwarded-for': '10.6.6.6', 'x-original-host': 'evil.example' },
        forwarded: 'host=evil.example;proto=http',
      },
    });
    session.destroy();
    assert.doesNotMatch(text, /evil|:666|http:|10\.6/);
    assert.doesNotMatch(text, /PRIVATE|carol/);
    const { users } = parse(text) as { users: readonly { user: Readonly<Record<string, string>> }[] };
    const home = temporaryFolder();
    // Relative names are below the kubeconfig's folder, and none is a path of the proxy's machine.
    await writeFile(join(home, users[0]?.user['client-certificate'] ?? ''), certificate);
    await writeFile(join(home, users[0]?.user['client-key'] ?? ''), key);
    const { stdout, stderr } = await whoami(text, {}, home);
    assert.match(stdout, /Username +carol\n/, stderr);
  },
);
