import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { CredentialError } from '../../src/credentials/credential.js';
import {
  createExecInfo,
  type ExecAnswer,
  parseExecCredential,
} from '../../src/credentials/exec-credential.js';
import type { ExecApiVersion } from '../../src/kubeconfig/exec-config.js';
import type { ClientConfig } from '../../src/kubeconfig/types.js';
import {
  type CertificateAuthority,
  type CertificatePair,
  createCertificateAuthority,
} from '../support/certificates/certificates.js';

const apiVersion = 'client.authentication.k8s.io/v1';

function credentialOf(status: unknown, version: string = apiVersion): Buffer {
  return Buffer.from(JSON.stringify({ kind: 'ExecCredential', apiVersion: version, status }));
}

const answerOf = (status: unknown): Promise<ExecAnswer> =>
  parseExecCredential(credentialOf(status), apiVersion, 'aws');

async function problemOf(stdout: Buffer, version: ExecApiVersion = apiVersion): Promise<string> {
  const error: unknown = await parseExecCredential(stdout, version, 'aws').catch(reason => reason);
  assert.ok(error instanceof CredentialError, 'a problem was expected');
  assert.match(error.message, /^exec plugin aws /);
  return error.message.slice('exec plugin aws '.length);
}

describe("a plugin's answer", () => {
  let ca: CertificateAuthority;
  let pair: CertificatePair;
  before(async () => {
    ca = await createCertificateAuthority();
    pair = await ca.client({ commonName: 'me' });
  });

  it('may be a token without an expiry, a client certificate, or both', async () => {
    const absent = { clientCertificateData: '', clientKeyData: null, expirationTimestamp: null };
    assert.deepEqual(await answerOf({ token: 't-1', ...absent }), { token: 't-1' });
    const status = { clientCertificateData: pair.certificate, clientKeyData: pair.key };
    const alone = await answerOf(status);
    assert.equal(alone.clientCertificate?.certificate.toString(), pair.certificate);
    assert.equal(alone.token, undefined);
    const both = await answerOf({ ...status, token: 't-1' });
    assert.equal(both.clientCertificate?.key.toString().trim(), pair.key.trim());
    assert.equal(both.token, 't-1');
  });

  it('has an expirationTimestamp in RFC 3339, in any time zone and with fractions', async () => {
    for (const [text, time] of [
      ['2031-05-01T10:00:00Z', Date.UTC(2031, 4, 1, 10)],
      ['2031-05-01T12:00:00+02:00', Date.UTC(2031, 4, 1, 10)],
      ['2031-05-01T10:00:00.250Z', Date.UTC(2031, 4, 1, 10, 0, 0, 250)],
      ['2031-05-01T10:00:00.123456789Z', Date.UTC(2031, 4, 1, 10, 0, 0, 123)],
    ] as const) {
      const answer = await answerOf({ token: 't-1', expirationTimestamp: text });
      assert.equal(answer.expirationTimestamp, time, text);
    }
    for (const text of [
      ...['tomorrow', '2031-05-01', '2031-05-01 10:00:00Z', '2031-13-01T10:00:00Z', '1700000000'],
    ]) {
      const problem = await problemOf(credentialOf({ token: 't-1', expirationTimestamp: text }));
      assert.equal(problem, 'returned an expirationTimestamp that is not an RFC 3339 time', text);
    }
  });

  it('must be an ExecCredential in JSON of the configured version', async () => {
    const status = { token: 't-1' };
    assert.equal(
      await problemOf(credentialOf(status, 'client.authentication.k8s.io/v1beta1')),
      'is configured to use API version client.authentication.k8s.io/v1, plugin returned version client.authentication.k8s.io/v1beta1',
    );
    assert.match(await problemOf(credentialOf(status, 'secret')), /plugin returned another version$/);
    const beta = await parseExecCredential(
      credentialOf(status, 'client.authentication.k8s.io/v1beta1'),
      'client.authentication.k8s.io/v1beta1',
      'aws',
    );
    assert.deepEqual(beta, { token: 't-1' });
    for (const [text, problem] of [
      ['', 'wrote nothing to its stdout'],
      ['secret', 'did not write a JSON object to its stdout'],
      ['["secret"]', 'did not write a JSON object to its stdout'],
      ['{"kind":"Secret"}', 'did not return an ExecCredential'],
      [`{"kind":"ExecCredential","apiVersion":"${apiVersion}"}`, 'did not return a status field'],
    ] as const) {
      assert.equal(await problemOf(Buffer.from(text)), problem);
    }
    assert.equal(await problemOf(credentialOf('secret')), 'returned a status that is not an object');
    assert.equal(await problemOf(credentialOf({ token: 7 })), 'returned a status.token that is not a string');
  });

  it('must have a token that fits into a header, or a certificate with its key', async () => {
    const neither = 'did not return a token or a certificate and key';
    const half = 'returned only a certificate or a key, not both';
    assert.equal(await problemOf(credentialOf({})), neither);
    assert.equal(await problemOf(credentialOf({ clientCertificateData: pair.certificate })), half);
    assert.equal(await problemOf(credentialOf({ token: 't-1', clientKeyData: pair.key })), half);
    for (const token of ['t-1\n', 't 1', 't-1\r\nImpersonate-User: admin', 'tökén']) {
      const problem = await problemOf(credentialOf({ token }));
      assert.match(problem, /^returned a token with a space, a line break/);
    }
    const other = await ca.client({ commonName: 'other' });
    const mixed = { clientCertificateData: pair.certificate, clientKeyData: other.key };
    assert.equal(
      await problemOf(credentialOf(mixed)),
      'returned a client certificate that cannot be used: status.clientKeyData does not match the certificate in status.clientCertificateData',
    );
    const broken = { clientCertificateData: 'secret', clientKeyData: pair.key };
    const problem = await problemOf(credentialOf(broken));
    assert.match(problem, /status\.clientCertificateData has no certificate$/);
  });
});

describe('KUBERNETES_EXEC_INFO', () => {
  const server = { protocol: 'https:', hostname: 'example.test', port: 6443, path: '/k8s' } as const;
  const config = {
    server,
    tlsServerName: 'kubernetes',
    insecureSkipTlsVerify: true,
    proxyUrl: { url: 'http://proxy.test:3128', name: 'proxy-url' },
    disableCompression: true,
    execClusterConfig: { audience: ['a'] },
  };
  const infoOf = (provideClusterInfo: boolean, ...about: [ClientConfig, Buffer | undefined]) =>
    JSON.parse(createExecInfo({ apiVersion, provideClusterInfo }, ...about));

  it('describes the cluster with provideClusterInfo alone, without fields that it does not have', () => {
    assert.deepEqual(infoOf(true, config, Buffer.from('PEM')), {
      kind: 'ExecCredential',
      apiVersion,
      spec: {
        cluster: {
          server: 'https://example.test:6443/k8s',
          'tls-server-name': 'kubernetes',
          'insecure-skip-tls-verify': true,
          'certificate-authority-data': 'UEVN',
          'proxy-url': 'http://proxy.test:3128',
          'disable-compression': true,
          config: { audience: ['a'] },
        },
        interactive: false,
      },
    });
    assert.deepEqual(infoOf(false, config, Buffer.from('PEM')).spec, { interactive: false });
    const { spec } = infoOf(true, { server, insecureSkipTlsVerify: false }, undefined);
    assert.deepEqual(spec.cluster, { server: 'https://example.test:6443/k8s' });
  });
});
