import { UpstreamError } from '../upstream-error.js';
import { authorityOf, type ProxyConfig } from './proxy-url.js';

const untrusted =
  'its certificate is signed by an unknown authority; add the authority to the file that NODE_EXTRA_CA_CERTS names';
const brokeOff = 'it closed the connection without an answer';

/** Node's, OpenSSL's and llhttp's error codes, and what each of them says about a proxy. */
const meanings: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its host name does not resolve',
  EAI_AGAIN: 'the DNS server does not answer',
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  EMFILE: 'this process has no file descriptor left for another connection',
  ETIMEDOUT: 'it does not answer in time',
  ECONNRESET: brokeOff,
  EPIPE: brokeOff,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
  CERT_UNTRUSTED: untrusted,
  INVALID_CA: untrusted,
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is not for this name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS; does its URL want http:// instead?',
  HPE_HEADER_OVERFLOW: "its answer's head is too large",
};

/**
 * A proxy that cannot be reached, or whose answer cannot be understood: a 502, or a 504 when it takes too long. The
 * message names the proxy by host and port alone.
 */
export function proxyUnusable(proxy: ProxyConfig, cause: Error): UpstreamError {
  // Happy-eyeballs dialling reports every address that failed in one AggregateError: the first of them speaks.
  const inner: Error & { code?: string } =
    cause instanceof AggregateError && cause.errors[0] instanceof Error ? cause.errors[0] : cause;
  const code = inner.code ?? '';
  return new UpstreamError(
    code === 'ETIMEDOUT' ? 504 : 502,
    'proxy',
    `the proxy ${authorityOf(proxy)} cannot be used: ${meanings[code] ?? meaningOf(code)}`,
    // llhttp's errors carry the answer's bytes, which are nothing for a log.
    code.startsWith('HPE_') ? {} : { cause: inner },
  );
}

/** A proxy that answered, and would not connect to `target`: a 502 that says what it answered. */
export function proxyRefused(proxy: ProxyConfig, target: string, answer: string): UpstreamError {
  return new UpstreamError(
    502,
    'proxy',
    `the proxy ${authorityOf(proxy)} refused to connect to ${target}: ${answer}`,
  );
}

function meaningOf(code: string): string {
  if (code.startsWith('HPE_')) return 'its answer is not HTTP';
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO') {
    return 'the TLS handshake failed';
  }
  return 'the connection failed';
}
