import type { IncomingMessage } from 'node:http';
import { fieldValue, hasField, type RawHeaders } from './header-fields.js';

/** The part of a request that says what follows its head. */
type RequestHead = Pick<IncomingMessage, 'rawHeaders'> & {
  /** True for a request that came as an `upgrade` event; Node's parser sets it. */
  readonly upgrade?: boolean;
};

/** Whether a request announces a body (RFC 9112, section 6). `Content-Length: 0` means no body. */
export function hasBody({ rawHeaders }: RequestHead): boolean {
  const length = fieldValue(rawHeaders, 'content-length');
  return hasField(rawHeaders, 'transfer-encoding') || (length !== undefined && length !== '0');
}

/**
 * Upgrades to HTTP/2. HTTP/2 on the same connection would carry requests past every guard. RFC 9113 has withdrawn this upgrade, and a
 * server may always ignore a request for an upgrade (RFC 9110, section 7.8).
 */
const http2 = /(^|[\s,])h2c?($|[\s,/])/i;

/** Whether a request asks for an upgrade to a protocol that the proxy allows. */
export function asksForUpgrade({ upgrade, rawHeaders }: RequestHead): boolean {
  return upgrade === true && !http2.test(upgradeProtocol(rawHeaders));
}

/** The protocol that a message switches to, or asks to switch to; empty if there is none. */
export function upgradeProtocol(rawHeaders: RawHeaders): string {
  return fieldValue(rawHeaders, 'upgrade') ?? '';
}
