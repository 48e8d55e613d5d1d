/** The frame types (RFC 9113, section 6) that the proxy sends or handles. */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Frame flags. The meaning of 0x01 depends on the frame type. */
export const flag = { endStream: 0x01, ack: 0x01, endHeaders: 0x04, padded: 0x08, priority: 0x20 } as const;

/** The error codes (RFC 9113, section 7) that the proxy sends or handles. */
export const errorCode = {
  noError: 0,
  protocolError: 1,
  flowControlError: 3,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

/** The API server's bytes are not valid HTTP/2, or too many. `wireCode` is the error code for the API server (RFC 9113, section 7). */
export class Http2Error extends Error {
  override readonly name = 'Http2Error';
  readonly wireCode: number;
  readonly code: 'MALFORMED_HTTP2' | 'RESPONSE_HEADERS_TOO_LARGE' | 'TOO_MANY_RESPONSE_HEADERS';

  constructor(wireCode: number, message: string, code: Http2Error['code'] = 'MALFORMED_HTTP2') {
    super(message);
    this.wireCode = wireCode;
    this.code = code;
  }
}

export function malformed(what: string): Http2Error {
  return new Http2Error(errorCode.protocolError, `${what} is not HTTP/2`);
}

/** The head of an answer is larger than this side takes. */
export function tooLarge(wireCode: number): Http2Error {
  return new Http2Error(wireCode, 'the head of an answer is too large', 'RESPONSE_HEADERS_TOO_LARGE');
}

/** Identifiers of settings (RFC 9113, section 6.5.2). */
export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxHeaderListSize: 6,
} as const;

/** The stream of a connection's first request (RFC 9113, section 5.1.1). */
export const firstStreamId = 1;
export const frameHeaderLength = 9;
/** The longest payload in bytes: every receiver must accept it (RFC 9113, section 4.2), and the proxy allows no longer one. */
export const maxFrameLength = 16 * 1024;
/** The bytes that a client sends before its first frame (RFC 9113, section 3.4). */
const connectionPreface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/**
 * A stream's receive window in bytes. If a client does not read, at most this many bytes wait here, and the other streams of the connection
 * continue.
 */
export const streamWindow = 256 * 1024;
/**
 * The connection's receive window in bytes, for all streams together. The proxy reads these bytes at once, even if the client of a stream
 * is slow.
 */
export const connectionWindow = 16 * 1024 * 1024;
const initialWindow = 65_535;

/** The bytes of one frame. */
function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeaderLength + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(streamId, 5);
  payload.copy(bytes, frameHeaderLength);
  return bytes;
}

function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(settings.length * 6);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame(frameType.settings, 0, 0, payload);
}

export function windowUpdateFrame(streamId: number, increment: number): Buffer {
  return frame(frameType.windowUpdate, 0, streamId, uint32(increment));
}

export function rstStreamFrame(streamId: number, code: number): Buffer {
  return frame(frameType.rstStream, 0, streamId, uint32(code));
}

/** @param payload Eight bytes. */
export function pingFrame(flags: number, payload: Buffer): Buffer {
  return frame(frameType.ping, flags, 0, payload);
}

/** A client's GOAWAY frame. Its last stream id is 0, because the client has processed no stream of the server. */
export function goawayFrame(code: number): Buffer {
  return frame(frameType.goaway, 0, 0, Buffer.concat([uint32(0), uint32(code)]));
}

/** A header block as one HEADERS frame, and CONTINUATION frames if it is long. The request has no body. */
export function headersFrames(streamId: number, block: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += maxFrameLength) {
    const isLast = at + maxFrameLength >= block.length;
    const type = at === 0 ? frameType.headers : frameType.continuation;
    const flags = (at === 0 ? flag.endStream : 0) | (isLast ? flag.endHeaders : 0);
    frames.push(frame(type, flags, streamId, block.subarray(at, at + maxFrameLength)));
  }
  return frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

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
