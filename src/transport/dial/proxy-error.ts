import { connectionFailure, firstError } from '../../lib/connection-failure.js';
import { UpstreamError } from '../upstream-error.js';
import { authorityOf, type ProxyConfig } from './proxy-url.js';

/** By the reasons and codes of failures. */
const advice: Readonly<Record<string, string>> = {
  tls_unknown_authority: '; add the authority to the file that NODE_EXTRA_CA_CERTS names',
  ERR_SSL_WRONG_VERSION_NUMBER: '; should its URL begin with http:// instead?',
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
  if (code.startsWith('HPE_')) return 'its answer is not HTTP, or its head is too large';
  const { reason = '', words = 'the connection failed' } = connectionFailure(code) ?? {};
  return words + (advice[reason] ?? advice[code] ?? '');
}
