import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Credential, CredentialEvents, CredentialSource } from '../../src/credentials/credential.js';
import { prepareCredentialSource } from '../../src/credentials/select.js';
import { type ExecConfig, parseExecConfig } from '../../src/kubeconfig/exec-config.js';
import type { ClientConfig } from '../../src/kubeconfig/types.js';
import { readWhole } from '../../src/lib/read-file.js';
import { createIssuerDial } from '../../src/transport/dial/issuer-dial.js';
import { createCertificateAuthority } from '../support/certificates/certificates.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = temporaryFolder();

const tokenFile = join(folder, 'token');

type Given = Partial<ClientConfig>;

const events: CredentialEvents = {
  refreshed: () => {},
  expires: () => {},
  log: { info: () => {}, warn: () => {} },
};

function load(given: Given): ReturnType<typeof prepareCredentialSource> {
  const server = { protocol: 'https:', hostname: 'localhost', port: 6443, path: '' } as const;
  const config = { server, insecureSkipTlsVerify: false, ...given };
  return prepareCredentialSource(config, createIssuerDial({}), readWhole);
}

async function sourceOf(given: Given, before?: CredentialSource): Promise<CredentialSource> {
  const result = await load(given);
  assert.ok(typeof result === 'function', JSON.stringify(result));
  return result({ events, rereadFiles: async () => {}, before, certificateAuthority: undefined, env: {} });
}

async function loaded(given: Given): Promise<Credential> {
  return (await sourceOf(given)).get();
}

async function problemsOf(given: Given): Promise<readonly string[]> {
  const result = await load(given);
  assert.ok('problems' in result, 'problems were expected');
  return result.problems;
}

describe('a credential', () => {
  it('may be empty, a bearer token, basic authentication in UTF-8, or a client certificate together with a token', async () => {
    assert.deepEqual(await loaded({}), {});
    assert.deepEqual(await loaded({ token: 'abc.def' }), { authorization: 'Bearer abc.def' });
    const { authorization } = await loaded({ username: 'jürgen', password: 'a:b' });
    assert.equal(authorization, `Basic ${Buffer.from('jürgen:a:b').toString('base64')}`);
    assert.equal((await loaded({ password: 'x' })).authorization, 'Basic Ong=');
    const { certificate, key } = await (await createCertificateAuthority()).client();
    const clientCertificate = {
      certificate: { data: Buffer.from(certificate) },
      key: { data: Buffer.from(key) },
    };
    const credential = await loaded({ clientCertificate, token: 't' });
    assert.equal(credential.authorization, 'Bearer t');
    assert.equal(credential.clientCertificate?.certificate.toString(), certificate);
    assert.ok(credential.clientCertificate.notAfter > new Date());
  });

  it('comes from the token file rather than the token, without the white space around it, and is rejected if that file is missing, empty or a folder', async () => {
    writeFileSync(tokenFile, '\n from-file \r\n');
    assert.deepEqual(await loaded({ tokenFile, token: 'inline' }), { authorization: 'Bearer from-file' });
    writeFileSync(tokenFile, ' \n');
    assert.deepEqual(await problemsOf({ tokenFile }), [`tokenFile ${tokenFile} is empty`]);
    assert.deepEqual(await problemsOf({ tokenFile: '/nowhere/token' }), [
      'tokenFile /nowhere/token: no such file',
    ]);
    assert.deepEqual(await problemsOf({ tokenFile: folder }), [`tokenFile ${folder}: is a directory`]);
  });

  it('is rejected if its token does not fit into a header, and the token is not shown', async () => {
    for (const token of [
      ...['hunter2\n', 'hunter2\r\nX-Injected: 1', 'hunter2\0', 'hun ter2', 'hunter2\u20ac', ''],
    ]) {
      const [problem, ...more] = await problemsOf({ token });
      assert.match(problem ?? '', /^token /);
      assert.doesNotMatch(problem ?? '', /hun|ter2/);
      assert.deepEqual(more, []);
    }
    writeFileSync(tokenFile, 'hunter2\nhunter2');
    const [problem] = await problemsOf({ tokenFile });
    assert.match(problem ?? '', /^tokenFile /);
    assert.doesNotMatch(problem ?? '', /hunter2/);
  });
});

describe('a source with state', () => {
  const oidc = {
    issuer: 'https://issuer.test',
    clientId: 'c',
    clientSecret: '',
    idToken: '',
    refreshToken: 'r',
  };
  const exec = parseExecConfig(
    { apiVersion: 'client.authentication.k8s.io/v1', command: '/bin/login', interactiveMode: 'Never' },
    { label: 'user "test"', file: '/config' },
    [],
  ) as ExecConfig;

  it('is kept by a reload that changes nothing of it, and created again if anything of it changes', async () => {
    for (const given of [{ exec }, { oidc }]) {
      const before = await sourceOf(given);
      assert.equal(await sourceOf(structuredClone(given), before), before, before.name);
    }
    const told = { ...exec, provideClusterInfo: true };
    const changes: [Given, Given][] = [
      [{ exec }, { exec: { ...exec, args: ['--other'] } }],
      [{ exec: told }, { exec: told, disableCompression: true }],
      [{ exec: told }, { exec: told, tlsServerName: 'api.example' }],
      [
        { exec: told, tlsServerName: 'api.example' },
        { exec: told, tlsServerName: 'other.example' },
      ],
      [{ oidc }, { oidc: { ...oidc, refreshToken: 'other' } }],
      [{ exec }, { oidc }],
    ];
    for (const [first, second] of changes) {
      const before = await sourceOf(first);
      assert.notEqual(await sourceOf(second, before), before);
    }
  });
});
