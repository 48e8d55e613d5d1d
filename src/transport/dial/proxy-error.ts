import {
  type ConnectionFailure,
  connectionFailure,
  firstError,
  isTlsFailure,
} from '../../lib/connection-failure.js';
import { UpstreamError } from '../upstream-error.js';
import { authorityOf, type ProxyConfig } from './proxy-url.js';

const brokeOff = 'it closed the connection without an answer';

/** Error codes that have another meaning for a proxy than for other servers. */
const meanings: Readonly<Record<string, string>> = {
  ETIMEDOUT: 'it does not answer in time',
  ECONNRESET: brokeOff,
  EPIPE: brokeOff,
  HPE_HEADER_OVERFLOW: "its answer's head is too large",
};

const advice: Partial<Record<ConnectionFailure['reason'], string>> = {
  tls_unknown_authority: '; add the authority to the file that NODE_EXTRA_CA_CERTS names',
  tls: '; should its URL begin with http:// instead?',
};

/**
 * A proxy cannot be reached, or its answer cannot be parsed: a 502, or a 504 after a timeout. The message names the proxy by host and port
 * only.
 */
export function proxyUnusable(proxy: ProxyConfig, cause: Error): UpstreamError {
  const inner = firstError(cause);
  const code = inner.code ?? '';
  return new UpstreamError(
    code === 'ETIMEDOUT' ? 504 : 502,
    'proxy',
    `the proxy ${authorityOf(proxy)} cannot be used: ${meaningOf(code)}`,
    // The errors of llhttp contain bytes of the answer, which must not be logged.
    code.startsWith('HPE_') ? {} : { cause: inner },
  );
}

/** A proxy answered, but did not connect to `target`: a 502 with the proxy's answer. */
export function proxyRefused(proxy: ProxyConfig, target: string, answer: string): UpstreamError {
  return new UpstreamError(
    502,
    'proxy',
    `the proxy ${authorityOf(proxy)} refused to connect to ${target}: ${answer}`,
  );
}

function meaningOf(code: string): string {
  const known = meanings[code];
  if (known !== undefined) return known;
  const failure = connectionFailure(code);
  if (failure !== undefined) return failure.words + (advice[failure.reason] ?? '');
  if (code.startsWith('HPE_')) return 'its answer is not HTTP';
  return isTlsFailure(code) ? 'the TLS handshake failed' : 'the connection failed';
}
