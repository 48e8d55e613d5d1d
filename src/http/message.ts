import type { IncomingMessage } from 'node:http';
import { fieldValue, hasField, type RawHeaders } from './header-fields.js';

/** As much of a request as says what comes behind its head. */
type RequestHead = Pick<IncomingMessage, 'rawHeaders'> & {
  /** True for a request that came as an `upgrade` event: Node's parser sets it. */
  readonly upgrade?: boolean;
};

/** Whether a request announces a body (RFC 9112, section 6): `Content-Length: 0` is none. */
export function hasBody({ rawHeaders }: RequestHead): boolean {
  const length = fieldValue(rawHeaders, 'content-length');
  return hasField(rawHeaders, 'transfer-encoding') || (length !== undefined && length !== '0');
}

/**
 * HTTP/2 in place of HTTP/1.1 on the same connection would carry requests past every guard; RFC 9113 has withdrawn it,
 * and a server may always answer as if nothing had been asked (RFC 9110, section 7.8).
 */
const http2 = /(^|[\s,])h2c?($|[\s,/])/i;

/** Whether a request wants its connection switched to a protocol that it may be switched to. */
export function asksForUpgrade({ upgrade, rawHeaders }: RequestHead): boolean {
  return upgrade === true && !http2.test(upgradeProtocol(rawHeaders));
}

/** The protocol that a message switches to, or asks to switch to; empty without one. */
export function upgradeProtocol(rawHeaders: RawHeaders): string {
  return fieldValue(rawHeaders, 'upgrade') ?? '';
}
