import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { uidTarget } from '../../../src/authentication/method.js';
import { credentialIdTarget } from '../../../src/features/common/bearer-token.js';
import { openIdConnect } from '../../../src/features/oidc/feature.js';
import { Issuers } from '../../../src/features/oidc/issuers.js';
import { OidcKeys } from '../../../src/features/oidc/keys.js';
import type { ValidAuthenticator } from '../../../src/features/oidc/validation.js';
import type { Logger } from '../../../src/observability/log/logger.js';
import { parseOptions } from '../../../src/options/parse.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { createCore } from '../../support/features/core.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const never = () => new Promise<never>(() => {});

function issuersWith(scopes: readonly string[] = []) {
  return new Issuers({
    dial: never as never,
    log: { info() {}, warn() {} },
    names: { issuer: 'url', certificateAuthority: 'ca' },
    algorithms: ['RS256'],
    rules: { allowed: new Set(), serviceAccounts: false },
    isAlone: false,
    scopes,
  });
}

function entry(url: string, username: unknown = { claim: 'sub', prefix: '' }, audiences = ['gateway']) {
  const claimMappings = { username };
  return {
    entry: { issuer: { url, audiences }, claimMappings },
    mapping: { username },
  } as unknown as ValidAuthenticator;
}

const [one, two, three] = ['https://1.example', 'https://2.example', 'https://accounts.google.com'] as const;

function tokenOf(iss: unknown) {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'RS256', kid: 'k' })}.${part({ iss })}.c2ln`;
  return { text, digest: text, source: '' };
}

describe('the issuers of a configuration', () => {
  it('keep their keys while their entries are the same, and lose them else', t => {
    const [start, close] = (['start', 'close'] as const).map(name =>
      t.mock.method(OidcKeys.prototype, name, () => {}),
    );
    const counts = () => [start?.mock.callCount(), close?.mock.callCount()];
    const issuers = issuersWith();
    issuers.replace([entry(one), entry(two)]);
    const [first, second] = issuers.all;
    assert.deepEqual(counts(), [0, 0]);
    issuers.start();
    assert.deepEqual(counts(), [2, 0]);
    issuers.replace([entry(one), entry(two, undefined, ['other'])]);
    assert.equal(issuers.all[0], first);
    assert.notEqual(issuers.all[1], second);
    assert.deepEqual(counts(), [3, 1]);
    assert.equal(close?.mock.calls[0]?.this, second?.keys);
    issuers.replace([entry(two, undefined, ['other'])]);
    assert.equal(close?.mock.calls[1]?.this, first?.keys);
    issuers.replace([]);
    issuers.replace([entry(one)]);
    issuers.close();
    assert.deepEqual(counts(), [4, 4]);
    const idle = issuersWith();
    idle.replace([entry(one)]);
    idle.replace([entry(two)]);
    assert.deepEqual(counts(), [4, 5]);
  });

  it('are asked about their own tokens alone', async () => {
    const issuers = issuersWith();
    issuers.replace([entry(one), entry(three)]);
    for (const [name, waits] of [
      [one, true],
      [three, true],
      ['accounts.google.com', true],
      [two, false],
      [undefined, false],
    ] as const) {
      assert.equal(issuers.waits(tokenOf(name)), waits, name);
      if (!waits) assert.equal(await issuers.verify(tokenOf(name)), undefined);
    }
  });

  it('fail the check if all of them fail', () => {
    const issuers = issuersWith();
    issuers.check();
    issuers.replace([entry(one), entry(two)]);
    assert.throws(() => issuers.check(), /no keys of the OpenID Connect issuer https:\/\/1\.example yet/);
    Object.defineProperty(issuers.all[1]?.keys, 'warning', { value: undefined });
    assert.equal(issuers.warnings().length, 1);
    issuers.check();
  });

  it('are asked for openid, and for what they have of the usual scopes or for what is configured', () => {
    const selects = (name: string) => ({ text: 'x', selectsClaim: (claim: string) => claim === name });
    for (const [scopes, known, username, expected] of [
      [[], undefined, undefined, undefined],
      [[], {}, undefined, ['openid']],
      [[], { scopes_supported: 'profile' }, undefined, ['openid']],
      [[], { scopes_supported: ['groups', 'x', 'profile'] }, undefined, ['openid', 'profile', 'groups']],
      [
        [],
        { scopes_supported: ['offline_access', 'email'] },
        undefined,
        ['openid', 'email', 'offline_access'],
      ],
      [[], {}, { claim: 'email', prefix: '' }, ['openid', 'email']],
      [[], {}, selects('email'), ['openid', 'email']],
      [[], {}, selects('sub'), ['openid']],
      [['a', 'openid'], undefined, undefined, ['openid', 'a']],
    ] as const) {
      const issuers = issuersWith(scopes);
      issuers.replace([entry(one, username)]);
      const [issuer] = issuers.all;
      assert.equal(issuer?.clientId, 'gateway');
      issuer.keys.discovery = known;
      assert.deepEqual([issuer.scopes, issuer.discovery()], [expected, known]);
    }
  });
});

const warned: string[] = [];
const logger = { info() {}, error() {}, warn: (line: string) => warned.push(line) } as unknown as Logger;

/** The feature with these flags. */
async function create(t: TestContext, ...argv: string[]) {
  const { options } = parseOptions({ argv, env: {} });
  const made = await openIdConnect.create(options, createCore({ logger }), () => {});
  if (made !== undefined && 'close' in made) t.after(made.close);
  return made;
}

async function created(t: TestContext, ...argv: string[]) {
  const made = await create(t, ...argv);
  if (made === undefined || 'problems' in made) return assert.fail(JSON.stringify(made));
  return made;
}

describe('OpenID Connect', () => {
  const fileOf = async (jwt: readonly object[]) => {
    const file = join(temporaryFolder(), 'issuers.yaml');
    const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration' };
    await writeFile(file, JSON.stringify({ ...head, jwt }));
    return `--authentication-config=${file}`;
  };

  it('has a user in a kubeconfig for each issuer, and needs the right to what their tokens map', async t => {
    const extra = [{ key: 'example.org/a', valueExpression: '"x"' }];
    const username = { claim: 'sub', prefix: '' };
    const mappings = { username, uid: { claim: 'oid' }, extra };
    const made = await created(
      t,
      await fileOf([
        { issuer: { url: one, audiences: ['a'] }, claimMappings: { username } },
        { issuer: { url: two, audiences: ['b'] }, claimMappings: mappings },
      ]),
    );
    const { method } = made;
    const yet = (url: string) =>
      `there are no keys of the OpenID Connect issuer ${url} yet, so its tokens get 503: they are being fetched`;
    assert.deepEqual(made.warnings(), [yet(one), yet(two)]);
    assert.match(warned.join('\n'), /^--authentication-config: .* could make the same name: .*\("", ""\)$/);
    assert.equal(method.rechecker, method.authenticator);
    assert.deepEqual(method.impersonates(), [
      ...[credentialIdTarget, credentialIdTarget, uidTarget],
      { ...credentialIdTarget, subresource: 'example.org/a' },
    ]);
    assert.equal(method.check.name, 'oidc');
    assert.throws(method.check.check, { message: yet(one) });
    const [first, second] = method.issuers();
    assert.deepEqual([first?.isAlone, second?.clientId], [false, 'b']);
    Object.assign(first?.keys ?? {}, { discovery: { scopes_supported: ['groups'] } });
    const users = method.kubeconfigUsers();
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'kubectl-oidc_login',
      args: ['get-token', `--oidc-issuer-url=${one}`, '--oidc-client-id=a', '--oidc-extra-scope=groups'],
      installHint: 'kubectl krew install oidc-login',
      interactiveMode: 'IfAvailable',
    };
    const config = { 'client-id': 'a', 'idp-issuer-url': one, scope: 'groups' };
    const signInFields = { 'auth-provider': { name: 'oidc', config } };
    assert.deepEqual(users[0], { fields: { exec }, signInFields, isComplete: true, isPerCluster: false });
    assert.doesNotMatch(JSON.stringify(users[1]), /"scope"/);
    assert.match(JSON.stringify(users[1]), /2\.example has not answered the proxy yet/);
    assert.doesNotMatch(JSON.stringify(users[1]), /extra-scope/);
  });

  it('may have no issuer in its file, and is off without an issuer and a file', async t => {
    const made = await created(t, await fileOf([]));
    assert.match(made.warnings().join(), /has no jwt entries, so every ID token is refused$/);
    const fields = { token: 'PASTE-YOUR-TOKEN-HERE' };
    assert.deepEqual(made.method.kubeconfigUsers(), [{ fields, isComplete: false, isPerCluster: false }]);
    assert.equal(await create(t), undefined);
    const flags = ['--oidc-issuer-url=https://1.example', '--oidc-client-id=a'];
    const alone = await created(t, ...flags, '--sign-in-scopes=x', '--oidc-ca-file=/nonexistent/ca.crt');
    assert.deepEqual([openIdConnect.name, alone.warnings().length], ['oidc', 1]);
    alone.start();
    await eventuallyPasses(() => assert.throws(alone.method.check.check, /--oidc-ca-file: .*no such file/));
    // The options say themselves what is wrong.
    const wrong = await create(t, '--oidc-issuer-url=http://1.example', '--oidc-client-id=a');
    assert.deepEqual(wrong, { problems: [] });
    assert.deepEqual(
      alone.method.issuers().map(({ isAlone, scopes }) => [isAlone, scopes]),
      [[true, ['openid', 'x']]],
    );
    const isOn = (...argv: string[]) => openIdConnect.method.isOn(parseOptions({ argv, env: {} }).options);
    assert.deepEqual([isOn(), isOn(...flags), isOn('--authentication-config=f')], [false, true, true]);
    const { name, flag, sendsSecret, hasIssuers } = openIdConnect.method;
    assert.deepEqual([name, sendsSecret, hasIssuers], ['oidc', true, true]);
    assert.match(flag, /--oidc-issuer-url/);
    const missing = await create(t, '--authentication-config=/nonexistent/issuers.yaml');
    assert.match(JSON.stringify(missing), /--authentication-config: .*no such file/);
  });
});
