import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectionFailure } from '../../src/lib/connection-failure.js';
import { proxyUnusable } from '../../src/transport/dial/proxy-error.js';
import { toUpstreamError } from '../../src/transport/upstream-error.js';

const proxy = { protocol: 'http:', hostname: 'proxy.test', port: 3128 } as const;

function failed(code: string): Error {
  return Object.assign(new Error('not to be shown'), { code });
}

describe('an error of a connection', () => {
  it('has the same words for the API server and for a proxy', () => {
    for (const [code, words] of [
      ['ENOTFOUND', 'its host name does not resolve'],
      ['ECONNREFUSED', 'connection refused'],
      ['ECONNRESET', 'the connection was closed before the answer was complete'],
      ['ETIMEDOUT', 'it does not answer'],
      ['EADDRNOTAVAIL', 'no local address is free for another connection'],
      ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'its certificate is signed by an unknown authority; '],
      ['CERT_NOT_YET_VALID', 'its certificate is not valid yet'],
      ['ERR_SSL_WRONG_VERSION_NUMBER', 'it does not speak TLS; '],
      ['ERR_SSL_NO_SHARED_CIPHER', 'the TLS handshake failed'],
    ] as const) {
      for (const { message } of [
        toUpstreamError(failed(code), 'api.test:6443'),
        proxyUnusable(proxy, failed(code)),
      ]) {
        assert.ok(message.includes(` cannot be used: ${words}`), message);
      }
    }
  });

  it('is one of TLS by its code, and stands for all addresses of a host if it is the first of them', () => {
    for (const code of ['ERR_SSL_X', 'ERR_TLS_X', 'EPROTO'])
      assert.equal(connectionFailure(code)?.reason, 'tls', code);
    for (const code of ['XERR_TLS_X', 'XERR_SSL_']) assert.equal(connectionFailure(code), undefined, code);
    const both = new AggregateError([failed('EHOSTUNREACH'), failed('ECONNREFUSED')]);
    assert.match(toUpstreamError(both, 'api.test:6443').message, /no route to host/);
    assert.match(proxyUnusable(proxy, both).message, /no route to host/);
  });
});
