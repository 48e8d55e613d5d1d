import type { Credential } from '../credentials/credential.js';
import { maxFields } from '../http/header-fields.js';
import { type FailureObserver, StatusError } from '../kubernetes/status.js';
import { connectionFailure, firstError } from '../lib/connection-failure.js';

/** The causes of failures on the way to the API server: the values of `reason` in kube_api_proxy_upstream_errors_total. */
export const upstreamErrorReasons = [
  'dns',
  'address',
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
  'credential',
  'other',
] as const;
export type UpstreamErrorReason = (typeof upstreamErrorReasons)[number];

/** The API server cannot be reached, or broke off its response: a 502, 503 or 504, with a reason for metrics and logs. */
export class UpstreamError extends StatusError {
  readonly reason: UpstreamErrorReason;

  constructor(code: 502 | 503 | 504, reason: UpstreamErrorReason, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.reason = reason;
  }

  override count(observer: FailureObserver): void {
    observer.failedUpstream(this.reason);
  }
}

/** The API server answered 401 to the proxy's own credential: a 502, because the caller's credential is not the cause. */
export function refusedCredential(credential: Credential = {}): UpstreamError {
  const what = hasExpired(credential) ? `: ${expired(credential)}` : '';
  const message = `the API server refuses the proxy's own credential${what}; whoever runs the proxy must replace it`;
  return new UpstreamError(502, 'credential', message);
}

/** Whether the client certificate has expired by this machine's clock. */
export function hasExpired({ clientCertificate }: Credential): boolean {
  return clientCertificate !== undefined && clientCertificate.notAfter.getTime() < Date.now();
}

function expired({ clientCertificate }: Credential): string {
  return `its client certificate has expired (${clientCertificate?.notAfter.toISOString()})`;
}

/**
 * A server of TLS got a request in plain HTTP. Go's net/http answers it with a 400 that has no header field, which is its own mark.
 *
 * @param address `host:port` of the API server, as in its URL.
 */
export function needsHttps(address: string): UpstreamError {
  const what = 'it answers as a server of TLS answers plain HTTP (400)';
  const advice = 'should the server URL begin with https:// instead?';
  return new UpstreamError(502, 'tls', `the API server at ${address} cannot be used: ${what}; ${advice}`);
}

type Verdict = readonly [code: 502 | 503 | 504, reason: UpstreamErrorReason, what: string];

const clientCertificateRefused: Verdict = [
  502,
  'tls_client_certificate',
  'it refused the client certificate in the TLS handshake; check client-certificate(-data) or --client-certificate',
];

/** The codes of our own parsers. */
const verdicts: Readonly<Record<string, Verdict>> = {
  MALFORMED_RESPONSE: [502, 'protocol', 'its answer is not valid HTTP/1.1'],
  MALFORMED_HTTP2: [502, 'protocol', 'its answer is not valid HTTP/2'],
  RESPONSE_HEADERS_TOO_LARGE: [502, 'protocol', 'its response headers are too large'],
  TOO_MANY_RESPONSE_HEADERS: [502, 'protocol', `its answer has more than ${maxFields} header fields`],
};

/** What to do about failures that can happen with every server, by their reasons and codes. */
const advice: Readonly<Record<string, string>> = {
  tls_unknown_authority: '; check certificate-authority(-data) or --certificate-authority',
  tls_wrong_name: '; check the server URL or set tls-server-name',
  ERR_SSL_WRONG_VERSION_NUMBER: '; should the server URL begin with http:// instead?',
};

/** OpenSSL's names of the TLS alerts by which a server rejects a client certificate, in all versions of TLS and OpenSSL. */
const refusal =
  /^ERR_SSL_.*_ALERT_(CERTIFICATE_(REQUIRED|REVOKED|EXPIRED|UNKNOWN)|(BAD|UNSUPPORTED)_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)$/;

/** By which a server built with Go 1.26 or later rejects a client certificate that it cannot parse; without one it means something else. */
const unreadable = /^ERR_SSL_.*_ALERT_DECODE_ERROR$/;

function classify(error: Error & { readonly code?: string }, { clientCertificate }: Credential): Verdict {
  const code = error.code ?? '';
  const known = verdicts[code];
  if (known !== undefined) return known;
  if (refusal.test(code) || (clientCertificate !== undefined && unreadable.test(code)))
    return clientCertificateRefused;
  const failure = connectionFailure(code);
  if (failure === undefined) return [502, 'other', 'the connection failed'];
  const { reason, words } = failure;
  const isBroken = reason === 'reset' || reason.startsWith('tls');
  const status = reason === 'timeout' ? 504 : isBroken ? 502 : 503;
  return [status, reason, words + (advice[reason] ?? advice[code] ?? '')];
}

/**
 * The error that a client gets for a failed connection or round trip: an UpstreamError, or the StatusError with which the receiver of the
 * response has ended it. The message names the server and the way out, and only the kind of the cause. The original error stays in
 * `cause`, for the log.
 *
 * @param address `host:port` of the API server, as in its URL.
 * @param credential The proxy's own, if the connection has presented it.
 */
export function toUpstreamError(cause: Error, address: string, credential: Credential = {}): StatusError {
  if (cause instanceof StatusError) return cause;
  const inner = firstError(cause);
  const verdict = classify(inner, credential);
  const [code, reason] = verdict;
  const isExpired = verdict === clientCertificateRefused && hasExpired(credential);
  const what = isExpired ? `it refused the proxy's own credential: ${expired(credential)}` : verdict[2];
  return new UpstreamError(code, reason, `the API server at ${address} cannot be used: ${what}`, {
    cause: inner,
  });
}
