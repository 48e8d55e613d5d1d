import { StatusError } from '../kubernetes/status.js';
import { connectionFailure, type FailureKind, firstError, isTlsFailure } from '../lib/connection-failure.js';

/** What can go wrong on the way to the API server: the values of `reason` in kube_api_proxy_upstream_errors_total. */
export const upstreamErrorReasons = [
  'dns',
  'refused',
  'unreachable',
  'reset',
  'timeout',
  'tls_unknown_authority',
  'tls_wrong_name',
  'tls_expired',
  'tls_client_certificate',
  'tls',
  'protocol',
  'proxy',
  'other',
] as const;
export type UpstreamErrorReason = (typeof upstreamErrorReasons)[number];

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

const clientCertificateRefused: Verdict = [
  502,
  'tls_client_certificate',
  'it refused the client certificate in the TLS handshake; check client-certificate(-data) in the kubeconfig',
];
const brokeOff: Verdict = [502, 'reset', 'the connection was closed before the answer was complete'];
const notHttp: Verdict = [502, 'protocol', 'its answer is not valid HTTP/1.1'];

/** The error codes that say something else of the API server than of other servers, and those of our parsers. */
const verdicts: Readonly<Record<string, Verdict>> = {
  ETIMEDOUT: [504, 'timeout', 'it does not answer'],
  ECONNRESET: brokeOff,
  EPIPE: brokeOff,
  MALFORMED_RESPONSE: notHttp,
  MALFORMED_HTTP2: [502, 'protocol', 'its answer is not valid HTTP/2'],
  RESPONSE_HEADERS_TOO_LARGE: [502, 'protocol', 'its response headers are too large'],
};

/** Status, reason and advice for the failures that every server can have. */
const common: Readonly<
  Record<FailureKind, readonly [code: 502 | 503, reason: UpstreamErrorReason, advice: string]>
> = {
  dns: [503, 'dns', ''],
  refused: [503, 'refused', ''],
  unreachable: [503, 'unreachable', ''],
  'out of descriptors': [503, 'other', ''],
  'unknown authority': [
    502,
    'tls_unknown_authority',
    '; check certificate-authority(-data) in the kubeconfig',
  ],
  expired: [502, 'tls_expired', ''],
  'wrong name': [502, 'tls_wrong_name', '; check the server URL or set tls-server-name'],
  'no TLS': [502, 'tls', '; does the server URL want http:// instead?'],
};

/** OpenSSL's names of the alerts by which a server refuses a certificate, whichever version and release they are from. */
const refusal =
  /^ERR_SSL_.*_ALERT_(CERTIFICATE_(REQUIRED|REVOKED|EXPIRED|UNKNOWN)|(BAD|UNSUPPORTED)_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)$/;

const malformed = new Set(['ERR_INVALID_CHAR', 'ERR_HTTP_INVALID_STATUS_CODE']);

function judge(error: Error & { readonly code?: string }): Verdict {
  const code = error.code ?? '';
  const known = verdicts[code];
  if (known !== undefined) return known;
  const failure = connectionFailure(code);
  if (failure !== undefined) {
    const [status, reason, advice] = common[failure.kind];
    return [status, reason, failure.words + advice];
  }
  if (refusal.test(code)) return clientCertificateRefused;
  if (code.startsWith('HPE_')) return notHttp;
  if (isTlsFailure(code)) return [502, 'tls', 'the TLS handshake failed'];
  // Node's parser of upgrades and its responses throw on what no HTTP/1.1 answer has.
  if (malformed.has(code)) return notHttp;
  return [502, 'other', 'the connection failed'];
}

/**
 * What a failed connection or round trip is to the client. The message names the server and the way out, never more of
 * the cause than its kind; the cause itself stays in `cause`, for the log.
 *
 * @param address `host:port` of the API server, as in its URL.
 */
export function toUpstreamError(cause: Error, address: string): UpstreamError {
  if (cause instanceof UpstreamError) return cause;
  const inner = firstError(cause);
  const [code, reason, what] = judge(inner);
  return new UpstreamError(code, reason, `the API server at ${address} cannot be used: ${what}`, {
    cause: inner,
  });
}
