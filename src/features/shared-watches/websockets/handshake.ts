import { createHash } from 'node:crypto';
import { fieldValue, hasField, type RawHeaders } from '../../../http/header-fields.js';
import { hasBearerProtocolPrefix } from '../../../kubernetes/bearer-protocol.js';

/** RFC 6455, section 1.3. */
const acceptSuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** 16 bytes in base64. */
const keyPattern = /^[A-Za-z0-9+/]{22}==$/;
/** One subprotocol, of printable characters, or none. */
const protocolPattern = /^[!-+\--~]*$/;

/**
 * The fields of the 101 by which kube-apiserver accepts the handshake of a watch over a WebSocket (golang.org/x/net/websocket,
 * `hybiServerHandshaker`): no extension, and the subprotocol if there is one, whatever it is. Undefined for a handshake that it rejects or that
 * has a credential, and for an odd one: then it answers itself.
 *
 * @param headers The fields that it would get.
 */
export function acceptedHandshake(headers: RawHeaders): string[] | undefined {
  const key = fieldValue(headers, 'sec-websocket-key') ?? '';
  const protocol = fieldValue(headers, 'sec-websocket-protocol')?.trim() ?? '';
  const isAccepted =
    fieldValue(headers, 'upgrade')?.toLowerCase() === 'websocket' &&
    fieldValue(headers, 'sec-websocket-version') === '13' &&
    hasField(headers, 'origin') &&
    keyPattern.test(key) &&
    protocolPattern.test(protocol) &&
    !hasBearerProtocolPrefix(protocol);
  if (!isAccepted) return undefined;
  const accept = createHash('sha1')
    .update(key + acceptSuffix)
    .digest('base64');
  const fields = ['Upgrade', 'websocket', 'Connection', 'Upgrade', 'Sec-WebSocket-Accept', accept];
  if (protocol !== '') fields.push('Sec-WebSocket-Protocol', protocol);
  return fields;
}

const ofHandshake = /^(?:upgrade|sec-websocket-(?:key|version|protocol|extensions))$/;

/** The fields of a request without those of its handshake. */
export function withoutHandshake(headers: RawHeaders): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string;
    const value = headers[index + 1] as string;
    const key = name.toLowerCase();
    if (ofHandshake.test(key)) continue;
    kept.push(name, key === 'connection' ? withoutUpgrade(value) : value);
  }
  return kept;
}

function withoutUpgrade(connection: string): string {
  return connection
    .split(',')
    .filter(option => option.trim().toLowerCase() !== 'upgrade')
    .join();
}
