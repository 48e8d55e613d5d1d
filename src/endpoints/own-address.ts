import type { IncomingMessage } from 'node:http';
import { isIPv4, isIPv6 } from 'node:net';
import { fieldValue } from '../http/header-fields.js';

/** What the address of the proxy is taken from. */
export interface AddressSources {
  /** `--public-url` without a slash at its end; empty for none. */
  readonly publicUrl: string;
  /** Whether a rule has accepted the Host header, so that no stranger chose it. */
  readonly trustsHost: boolean;
}

/**
 * The URL, without a slash at its end, at which the caller reached the proxy: `--public-url`, else the Host header, else the address of the
 * connection. X-Forwarded-* and Forwarded do not count, for anybody can write them. Undefined on a Unix socket.
 */
export function addressFor(
  { socket, rawHeaders }: IncomingMessage,
  { publicUrl, trustsHost }: AddressSources,
): string | undefined {
  if (publicUrl !== '') return publicUrl;
  const { localAddress, localPort } = socket;
  if (localAddress === undefined) return undefined;
  const scheme = 'encrypted' in socket ? 'https' : 'http';
  const named = trustsHost ? hostOf(fieldValue(rawHeaders, 'host') ?? '') : undefined;
  return `${scheme}://${named ?? `${bracketed(localAddress)}:${localPort}`}`;
}

const plainHost = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]{1,255})(?::(\d{0,5}))?$/i;

/** A host that every client reads alike, with its port; undefined for another one, for which the Host rule may have been opened. */
function hostOf(field: string): string | undefined {
  const [, host = '', port = ''] = plainHost.exec(field) ?? [];
  if (host === '' || (host.startsWith('[') && !isIPv6(host.slice(1, -1)))) return undefined;
  if (port === '') return host;
  const number = Number(port);
  return number >= 1 && number <= 65_535 ? `${host}:${number}` : undefined;
}

/** An IPv4 client of an IPv6 listener has an address that begins with `::ffff:`. */
function bracketed(address: string): string {
  const plain = address.replace(/^::ffff:/i, '');
  if (isIPv4(plain)) return plain;
  return `[${address}]`;
}
