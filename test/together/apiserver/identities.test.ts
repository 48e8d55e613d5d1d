import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { eventually, eventuallyPasses } from '../../support/eventually.js';
import { type OidcIssuer, startOidcIssuer } from '../../support/identities/oidc-issuer.js';
import type { ApiServer } from '../../support/kube-apiserver/api-server.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import { startOwnApiServer } from '../../support/kube-apiserver/run.js';
import { projectFile } from '../../support/project.js';
import { runProgram, startProxy } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { makeClientCertificates } from './identities/client-certificates.js';
import { type Asked, type Credential, verdictOf } from './identities/credential.js';
import type { Difference, Verdict } from './identities/differences.js';
import { algorithmFlags, claimFlags, makeIdTokens, makeTokensOfSubjects } from './identities/id-tokens.js';
import { makeServiceAccountTokens } from './identities/service-accounts.js';
import {
  badTokenFiles,
  formsOfToken,
  recordOfTheApiServer,
  tokenFile,
  tokensOfTheFile,
} from './identities/token-file.js';

/** Lets everyone ask who they are, anonymous callers too. */
async function letEveryoneAsk(server: ApiServer): Promise<void> {
  const group = 'rbac.authorization.k8s.io';
  await server.admin.do('POST', `/apis/${group}/v1/clusterrolebindings`, {
    metadata: { name: 'everyone-may-ask' },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'system:basic-user' },
    subjects: [
      { apiGroup: group, kind: 'Group', name: 'system:authenticated' },
      { apiGroup: group, kind: 'Group', name: 'system:unauthenticated' },
      { apiGroup: group, kind: 'User', name: 'system:anonymous' },
    ],
  });
}

/** An API server and two gateways in front of it: one with the same methods, and one that asks the API server about each token. */
async function start(
  t: TestContext,
  run: ApiServer,
  claims: readonly string[],
  makeTokens: (issuer: OidcIssuer) => readonly Credential[],
) {
  const folder = temporaryFolder();
  const write = async (name: string, content: string) => {
    const path = join(folder, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  };
  const issuerAuthority = await createCertificateAuthority();
  const issuer = await startOidcIssuer(issuerAuthority);
  t.after(() => issuer.close());
  const idTokens = makeTokens(issuer);
  const oidc = [
    `--oidc-issuer-url=${issuer.url}`,
    `--oidc-ca-file=${await write('issuer.crt', issuerAuthority.certificate)}`,
    ...['--oidc-client-id=gateway', ...claims],
  ];
  const serverTokens = await write('server-tokens.csv', recordOfTheApiServer + tokenFile);
  const { server } = await startOwnApiServer(t, run, {
    flags: [...oidc, `--token-auth-file=${serverTokens}`],
  });
  await letEveryoneAsk(server);
  await server.grant('proxy', [
    { apiGroups: ['*'], resources: ['*'], verbs: ['impersonate'] },
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  ]);
  const kubeconfig = await server.kubeconfig({ commonName: 'proxy', organizations: [] });
  const serving = await server.authority.server();
  const flags = [
    ...[`--kubeconfig=${kubeconfig}`, `--tls-cert-file=${await write('tls.crt', serving.certificate)}`],
    ...[`--tls-private-key-file=${await write('tls.key', serving.key)}`, '--reject-paths='],
    '--authentication-token-webhook',
  ];
  const ownMethods = [
    ...[...oidc, `--token-auth-file=${await write('tokens.csv', tokenFile)}`],
    `--client-ca-file=${server.file('ca')}`,
  ];
  const asked = (port: number): Asked => ({
    ...{ port, ca: server.authority.certificate, auditLog: server.location.auditLog },
  });
  const [own, reviewing] = await Promise.all([startProxy([...flags, ...ownMethods]), startProxy(flags)]);
  t.after(() => Promise.all([own.stop('SIGKILL'), reviewing.stop('SIGKILL')]));
  await eventually('the keys of the issuer', () => /fetched the keys/.test(own.stderr()));
  return {
    server,
    idTokens,
    direct: asked(Number(new URL(server.url).port)),
    own: asked(own.port),
    reviewing: asked(reviewing.port),
  };
}

/** Asks each server about each credential. */
async function compare(
  t: TestContext,
  { direct, own, reviewing }: Readonly<Record<'direct' | 'own' | 'reviewing', Asked>>,
  credentials: Readonly<Record<string, () => readonly Credential[] | Promise<readonly Credential[]>>>,
): Promise<void> {
  const readme = await readFile(projectFile('deploy/reference/authentication.md'), 'utf8');
  const compareOne = async (credential: Credential) => {
    const { certificate, differs, user } = credential;
    // The API server keeps what it found before an object was deleted, for 10 s.
    const verdict = await eventuallyPasses(async () => {
      const found = await verdictOf(direct, credential);
      assert.equal(typeof found === 'number' ? undefined : found.username, user);
      return found;
    });
    for (const gateway of certificate === undefined ? [own, reviewing] : [own]) {
      const ways = differs.filter(({ isOfOwnMethods }: Difference) => gateway === own || !isOfOwnMethods);
      const expected = ways.reduce<Verdict>((verdict, difference) => difference.gateway(verdict), verdict);
      const found = await verdictOf(gateway, credential);
      assert.deepEqual(found, expected, gateway === own ? 'own methods' : 'review');
    }
    for (const { documented } of differs) assert.ok(readme.includes(`\n| ${documented} |`), documented);
  };
  for (const [what, make] of Object.entries(credentials)) {
    await t.test(what, { concurrency: 4 }, async t => {
      const made = await make();
      await Promise.all(made.map(one => t.test(`${what} ${one.what}`, () => compareOne(one))));
    });
  }
}

test('the gateway knows a credential as the API server does, or differs as its README says', async (t, run) => {
  const { idTokens, ...servers } = await start(t, run, claimFlags, makeIdTokens);
  await compare(t, servers, {
    'a token of the file': () => tokensOfTheFile,
    'a token': () => formsOfToken,
    'a client certificate': () => makeClientCertificates(servers.server),
    'a token of a service account': () => makeServiceAccountTokens(servers.server),
    'an ID token': () => idTokens,
  });
});

test('the gateway knows the subject of an ID token as the API server does with its default claims', async (t, run) => {
  const { idTokens, ...servers } = await start(t, run, algorithmFlags, makeTokensOfSubjects);
  await compare(t, servers, { 'an ID token': () => idTokens });
});

test('a token file that the API server cannot read stops the gateway at its start too', async (t, run) => {
  const folder = temporaryFolder();
  const kubeconfig = await run.kubeconfig();
  const startGateway = async (name: string, content: string) => {
    const file = join(folder, name);
    await writeFile(file, content);
    const { code, stderr } = await runProgram([
      ...[`--kubeconfig=${kubeconfig}`, '--port=0', `--token-auth-file=${file}`],
    ]);
    assert.equal(code, 1, content);
    assert.ok(stderr.includes(`--token-auth-file: ${file}:`), stderr);
    return file;
  };
  await startGateway('nobody', recordOfTheApiServer);
  for (const [what, content] of badTokenFiles) {
    await t.test(`one with ${what}`, async t => {
      const flags = [`--token-auth-file=${await startGateway(what, content)}`];
      await assert.rejects(
        startOwnApiServer(t, run, { flags }),
        /"command failed" err=".*(parse error on line|at least 3 columns)/,
      );
    });
  }
});
