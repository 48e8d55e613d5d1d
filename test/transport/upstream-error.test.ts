import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Credential } from '../../src/credentials/credential.js';
import { StatusError } from '../../src/kubernetes/status.js';
import {
  hasExpired,
  refusedCredential,
  toUpstreamError,
  UpstreamError,
} from '../../src/transport/upstream-error.js';

const address = 'api.test:6443';
function failure(cause: Error, credential?: Credential): UpstreamError {
  const error = toUpstreamError(cause, address, credential);
  assert.ok(error instanceof UpstreamError);
  return error;
}
const failed = (code: string) => Object.assign(new Error('not to be shown'), { code });
const alert = failed('ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED');

function credentialUntil(notAfter: number): Credential {
  return { clientCertificate: { certificate: '', key: '', notAfter: new Date(notAfter) } as never };
}
const expired = credentialUntil(Date.parse('2001-02-03T04:05:06Z'));
const valid = credentialUntil(Date.now() + 3_600_000);
const hasExpiredWords =
  "proxy's own credential: its client certificate has expired (2001-02-03T04:05:06.000Z)";

describe('a failed connection to the API server', () => {
  it('has a status, a reason and words by the code of its error, which is not shown', () => {
    for (const [code, status, reason, words] of [
      ['ENOTFOUND', 503, 'dns', 'its host name does not resolve'],
      ['ECONNREFUSED', 503, 'refused', 'connection refused'],
      ['ENETUNREACH', 503, 'unreachable', 'network is unreachable'],
      ['EMFILE', 503, 'other', 'this process has no file descriptor left for another connection'],
      ['ETIMEDOUT', 504, 'timeout', 'it does not answer'],
      ['ECONNRESET', 502, 'reset', 'the connection was closed before the answer was complete'],
      ['EPIPE', 502, 'reset', 'the connection was closed before the answer was complete'],
      ['CERT_HAS_EXPIRED', 502, 'tls_expired', 'its certificate has expired'],
      [
        'ERR_TLS_CERT_ALTNAME_INVALID',
        502,
        'tls_wrong_name',
        'its certificate is not for this name; check the server URL or set tls-server-name',
      ],
      [
        'CERT_UNTRUSTED',
        502,
        'tls_unknown_authority',
        'its certificate is signed by an unknown authority; check certificate-authority(-data) or --certificate-authority',
      ],
      [
        'ERR_SSL_WRONG_VERSION_NUMBER',
        502,
        'tls',
        'it does not speak TLS; should the server URL begin with http:// instead?',
      ],
      ['EPROTO', 502, 'tls', 'the TLS handshake failed'],
      ['MALFORMED_RESPONSE', 502, 'protocol', 'its answer is not valid HTTP/1.1'],
      ['MALFORMED_HTTP2', 502, 'protocol', 'its answer is not valid HTTP/2'],
      ['RESPONSE_HEADERS_TOO_LARGE', 502, 'protocol', 'its response headers are too large'],
      ['TOO_MANY_RESPONSE_HEADERS', 502, 'protocol', 'its answer has more than 1000 header fields'],
      ['', 502, 'other', 'the connection failed'],
    ] as const) {
      const cause = failed(code);
      const error = failure(cause, expired);
      assert.deepEqual([error.code, error.reason, error.cause], [status, reason, cause], code);
      assert.equal(error.message, `the API server at ${address} cannot be used: ${words}`);
    }
    assert.equal(failure(new Error('without a code')).reason, 'other');
  });

  it('is about the client certificate by the alerts of TLS that reject one, and by no other', () => {
    for (const name of [
      ...['SSLV3_ALERT_BAD_CERTIFICATE', 'SSLV3_ALERT_UNSUPPORTED_CERTIFICATE', 'TLSV1_ALERT_UNKNOWN_CA'],
      ...['SSLV3_ALERT_CERTIFICATE_REVOKED', 'SSLV3_ALERT_CERTIFICATE_UNKNOWN', 'TLSV1_ALERT_ACCESS_DENIED'],
      ...['TLSV13_ALERT_CERTIFICATE_REQUIRED', 'TLSV1_ALERT_DECRYPT_ERROR'],
    ]) {
      const { reason, message } = failure(failed(`ERR_SSL_${name}`));
      assert.equal(reason, 'tls_client_certificate', name);
      assert.match(message, /refused the client certificate .*; check client-certificate\(-data\)/);
    }
    for (const name of ['ALERT_UNKNOWN_CA', 'TLSV1_ALERT_UNKNOWN_CAX', 'TLSV1_ALERT_INTERNAL_ERROR'])
      assert.equal(failure(failed(`ERR_SSL_${name}`)).reason, 'tls', name);
  });

  it('is about a client certificate that the API server cannot read, if the connection has presented one', () => {
    const unread = failed('ERR_SSL_TLSV1_ALERT_DECODE_ERROR');
    const { reason, message } = failure(unread, valid);
    assert.equal(reason, 'tls_client_certificate');
    assert.match(message, /refused the client certificate .*; check client-certificate\(-data\)/);
    for (const credential of [{}, undefined]) assert.equal(failure(unread, credential).reason, 'tls');
  });

  it('names the end of the client certificate if that was refused and has expired', () => {
    assert.ok(
      toUpstreamError(alert, address, expired).message.endsWith(`: it refused the ${hasExpiredWords}`),
    );
    for (const credential of [valid, {}, undefined])
      assert.match(
        toUpstreamError(alert, address, credential).message,
        /it refused the client certificate in/,
      );
  });

  it('stays as it is if it has a status already, and is counted by its reason', () => {
    const error = new UpstreamError(504, 'proxy', 'no tunnel');
    for (const given of [error, new StatusError(410, 'gone')])
      assert.equal(toUpstreamError(given, address), given);
    const counted: string[] = [];
    const wrong = () => assert.fail('counted as something else');
    error.count({ failedUpstream: reason => counted.push(reason), rejected: wrong, refusedGroup: wrong });
    assert.deepEqual(counted, ['proxy']);
  });
});

it("a refusal of the proxy's own credential is a 502 that names the end of a client certificate which has expired", () => {
  for (const [credential, what] of [
    [expired, ': its client certificate has expired (2001-02-03T04:05:06.000Z)'],
    [valid, ''],
    [undefined, ''],
  ] as const) {
    const { code, reason, message } = refusedCredential(credential);
    assert.deepEqual([code, reason, hasExpired(credential ?? {})], [502, 'credential', what !== '']);
    assert.ok(
      message.startsWith(`the API server refuses the proxy's own credential${what}; whoever`),
      message,
    );
  }
});
