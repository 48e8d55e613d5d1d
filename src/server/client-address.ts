import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import proxyAddress from '@fastify/proxy-addr';
import { forwardedFor } from '../http/forwarded-for.js';
import { copyOf } from '../lib/copy-of.js';

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
