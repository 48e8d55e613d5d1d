import { StatusError } from '../kubernetes/status.js';
import type { UpstreamErrorReason } from '../observability/metrics/metrics.js';

/** The API server could not be reached or broke off: a 502, 503 or 504, with a reason for metrics and logs. */
export class UpstreamError extends StatusError {
  constructor(
    code: 502 | 503 | 504,
    readonly reason: UpstreamErrorReason,
    message: string,
    options?: ErrorOptions,
  ) {
    super(code, message, options);
  }
}

type Verdict = readonly [code: 502 | 503 | 504, reason: UpstreamErrorReason, what: string];

const unknownAuthority: Verdict = [
  502,
  'tls_unknown_authority',
  'its certificate is signed by an unknown authority; check certificate-authority(-data) in the kubeconfig',
];
const clientCertificateRefused: Verdict = [
  502,
  'tls_client_certificate',
  'it refused the client certificate in the TLS handshake; check client-certificate(-data) in the kubeconfig',
];
const brokeOff: Verdict = [502, 'reset', 'the connection was closed before the answer was complete'];
const notHttp: Verdict = [502, 'protocol', 'its answer is not valid HTTP/1.1'];
const tlsFailed: Verdict = [502, 'tls', 'the TLS handshake failed'];

/** Node's, OpenSSL's and our parser's error codes, and what each of them means to somebody who runs a proxy. */
const verdicts: Readonly<Record<string, Verdict>> = {
  ENOTFOUND: [503, 'dns', 'its host name does not resolve'],
  EAI_AGAIN: [503, 'dns', 'the DNS server does not answer'],
  ECONNREFUSED: [503, 'refused', 'connection refused'],
  EHOSTUNREACH: [503, 'unreachable', 'no route to host'],
  ENETUNREACH: [503, 'unreachable', 'network is unreachable'],
  EADDRNOTAVAIL: [503, 'unreachable', 'no local address is free for another connection'],
  EMFILE: [503, 'other', 'this process has no file descriptor left for another connection'],
  ETIMEDOUT: [504, 'timeout', 'it does not answer'],
  ECONNRESET: brokeOff,
  EPIPE: brokeOff,
  MALFORMED_RESPONSE: notHttp,
  MALFORMED_HTTP2: [502, 'protocol', 'its answer is not valid HTTP/2'],
  RESPONSE_HEADERS_TOO_LARGE: [502, 'protocol', 'its response headers are too large'],
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  CERT_SIGNATURE_FAILURE: unknownAuthority,
  CERT_UNTRUSTED: unknownAuthority,
  INVALID_CA: unknownAuthority,
  CERT_HAS_EXPIRED: [502, 'tls_expired', 'its certificate has expired'],
  CERT_NOT_YET_VALID: [502, 'tls_expired', 'its certificate is not valid yet'],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    502,
    'tls_wrong_name',
    'its certificate is not for this name; check the server URL or set tls-server-name',
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    502,
    'tls',
    'it does not speak TLS; does the server URL want http:// instead?',
  ],
};

/** OpenSSL's names of the alerts by which a server refuses a certificate, whichever version and release they are from. */
const refusal =
  /^ERR_SSL_.*_ALERT_(CERTIFICATE_(REQUIRED|REVOKED|EXPIRED|UNKNOWN)|(BAD|UNSUPPORTED)_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)$/;

const malformed = new Set(['ERR_INVALID_CHAR', 'ERR_HTTP_INVALID_STATUS_CODE']);

function judge(error: Error & { code?: string }): Verdict {
  const code = error.code ?? '';
  const known = verdicts[code];
  if (known !== undefined) return known;
  if (refusal.test(code)) return clientCertificateRefused;
  if (code.startsWith('HPE_')) return notHttp;
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO') return tlsFailed;
  // Node's parser of upgrades and its responses throw on what no HTTP/1.1 answer has.
  if (malformed.has(code)) return notHttp;
  return [502, 'other', 'the connection failed'];
}

/**
 * What a failed connection or exchange is to the client. The message names the server and the way out, never more of
 * the cause than its kind; the cause itself stays in `cause`, for the log.
 *
 * @param address `host:port` of the API server, as in its URL.
 */
export function toUpstreamError(cause: Error, address: string): UpstreamError {
  if (cause instanceof UpstreamError) return cause;
  const inner = firstOf(cause);
  const [code, reason, what] = judge(inner);
  return new UpstreamError(code, reason, `the API server at ${address} cannot be used: ${what}`, {
    cause: inner,
  });
}

/** Happy-eyeballs dialling reports every address that failed in one AggregateError: the first of them speaks. */
function firstOf(cause: Error): Error {
  return cause instanceof AggregateError && cause.errors[0] instanceof Error ? cause.errors[0] : cause;
}
