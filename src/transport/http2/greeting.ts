import {
  connectionPreface,
  flag,
  frame,
  frameType,
  setting,
  settingsFrame,
  windowUpdateFrame,
} from './frames.js';
import { streamWindow } from './stream.js';

/** The protocol that the TLS handshake (ALPN) chose for a connection. */
export type Negotiated = 'h2' | 'http/1.1';

/**
 * The connection's receive window in bytes, for all streams together. The proxy reads these bytes at once, even if the client of a stream
 * is slow.
 */
export const connectionWindow = 16 * 1024 * 1024;
const initialWindow = 65_535;

/** The first bytes that a client sends (RFC 9113, section 3.4). The SETTINGS turn off the dynamic header table and server push. */
export const greeting = Buffer.concat([
  Buffer.from(connectionPreface),
  settingsFrame([
    [setting.headerTableSize, 0],
    [setting.enablePush, 0],
    [setting.initialWindowSize, streamWindow],
    [setting.maxHeaderListSize, 1 << 20],
  ]),
  windowUpdateFrame(0, connectionWindow - initialWindow),
]);

/** The acknowledgement of the server's SETTINGS. */
export const settingsAck = frame(frameType.settings, flag.ack, 0, Buffer.alloc(0));
