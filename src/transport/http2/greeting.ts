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

/** Bytes of all streams together that may be on their way. They are taken at once, whichever stream they belong to. */
export const connectionWindow = 16 * 1024 * 1024;
const initialWindow = 65_535;

/** What a client sends first (RFC 9113, section 3.4): without a dynamic table of header fields, and without server push. */
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

/** The acknowledgement that the server's SETTINGS ask for. */
export const settingsAck = frame(frameType.settings, flag.ack, 0, Buffer.alloc(0));
