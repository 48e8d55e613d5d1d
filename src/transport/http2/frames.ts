/** Types of frames (RFC 9113, section 6) that one side or the other acts on. */
export const frameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags; one bit means two things, by the type of its frame. */
export const flag = { endStream: 0x01, ack: 0x01, endHeaders: 0x04, padded: 0x08, priority: 0x20 } as const;

/** Error codes (RFC 9113, section 7) that are sent or understood. */
export const errorCode = {
  noError: 0,
  protocolError: 1,
  flowControlError: 3,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  enhanceYourCalm: 11,
} as const;

/** Identifiers of settings (RFC 9113, section 6.5.2). */
export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxHeaderListSize: 6,
} as const;

export const frameHeaderLength = 9;
/** The least that a receiver must take, and the most that is sent: nobody asks for more. */
export const maxFrameLength = 16 * 1024;
/** What stands before a client's first frame. */
export const connectionPreface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** A frame's bytes. */
export function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeaderLength + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(streamId, 5);
  payload.copy(bytes, frameHeaderLength);
  return bytes;
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
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

/** A client's own: no stream of the server's was taken. */
export function goawayFrame(code: number): Buffer {
  return frame(frameType.goaway, 0, 0, Buffer.concat([uint32(0), uint32(code)]));
}

/** A header block, in as many frames as it takes; the request has no body. */
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
