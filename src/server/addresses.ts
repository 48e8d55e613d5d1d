import type { IncomingMessage } from 'node:http';
import { isIP, isIPv4, isIPv6 } from 'node:net';
import proxyAddress from '@fastify/proxy-addr';
import { forwardedFor } from '../http/forwarded-for.js';
import { copyOf } from '../lib/copy-of.js';
import type { RequestContext } from '../request/context.js';

/** The options that decide at which address callers reach the proxy. */
interface AddressOptions {
  /** Without a final slash; empty if it is not set. */
  readonly publicUrl: string;
  /** If not, a guard has accepted the Host header, so that it was not chosen by an attacker. */
  readonly disableFilter: boolean;
}

/**
 * The URL at which the caller reached the proxy, without a final slash: `--public-url`, else the Host header, else the address of the
 * connection. X-Forwarded-* and Forwarded do not count, because anybody can send them. Undefined on a Unix socket.
 */
export function addressFor(
  { raw: { socket }, head }: Pick<RequestContext, 'raw' | 'head'>,
  { publicUrl, disableFilter }: AddressOptions,
): string | undefined {
  if (publicUrl !== '') return publicUrl;
  const { localAddress, localPort } = socket;
  if (localAddress === undefined) return undefined;
  const scheme = 'encrypted' in socket ? 'https' : 'http';
  const named = disableFilter ? undefined : hostOf(head.host ?? '');
  return `${scheme}://${named ?? `${bracketed(localAddress)}:${localPort}`}`;
}

const plainHost = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]{1,255})(?::(\d{0,5}))?$/i;

/**
 * A host, with its port, that every client reads in the same way; undefined for any other string. The Host guard may accept such strings if
 * `--accept-hosts` allows them.
 */
function hostOf(field: string): string | undefined {
  const [, host = '', port = ''] = plainHost.exec(field) ?? [];
  if (host === '' || (host.startsWith('[') && !isIPv6(host.slice(1, -1)))) return undefined;
  if (port === '') return host;
  const number = Number(port);
  return number >= 1 && number <= 65_535 ? `${host}:${number}` : undefined;
}

/** An IPv4 client of an IPv6 listener sees an address that begins with `::ffff:`. */
function bracketed(address: string): string {
  const plain = address.replace(/^::ffff:/i, '');
  if (isIPv4(plain)) return plain;
  return `[${address}]`;
}

/** Finds the address of a request's client in what a trusted proxy says; undefined if the peer itself is the client. */
type ClientAddress = (request: Pick<IncomingMessage, 'rawHeaders' | 'socket'>) => string | undefined;

/**
 * Reads X-Forwarded-For of peers in these networks, from its end: the client is the first address that is in none of them. What is not an
 * address was never a peer's, so then the client is not known. Undefined if no proxy is trusted. Takes time for 64 addresses at most.
 */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress | undefined {
  if (trustedProxies.length === 0) return undefined;
  const isTrusted = proxyAddress.compile([...trustedProxies]);
  return ({ rawHeaders, socket }) => {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined || !isTrusted(remoteAddress, 0)) return undefined;
    const headers = { 'x-forwarded-for': forwardedFor(rawHeaders)?.list };
    const found = proxyAddress({ headers, socket } as unknown as IncomingMessage, isTrusted);
    return found === remoteAddress || isIP(found) === 0 ? undefined : copyOf(found, found.length);
  };
}
