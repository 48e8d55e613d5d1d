import { decodeHeaderBlock } from '../../../src/transport/http2/hpack.js';
import { bytes, plain } from '../../support/upstreams/hpack.js';
import { type Frame, flags, frame, frameTypes, uint32 } from '../../support/upstreams/http2-frames.js';

const { data, headers, rstStream, settings, ping, pushPromise, goaway, windowUpdate, continuation } =
  frameTypes;

/** What becomes of the answer to the first request of an example: it is whole, or not; or the client ends the connection. */
export type Outcome = 'whole' | 'missing' | 'refused';

/** A case in which this client differs from `node:http2` on purpose. */
export interface Difference {
  /** What this client does, and why. */
  readonly name: string;
  /** The frames after the first SETTINGS. */
  readonly example: readonly Buffer[];
  /** As it is read here and by Node; undefined if that depends on the version of Node. */
  readonly reads: readonly [here: Outcome, withNode: Outcome | undefined];
  /** Whether it can show in these frames. */
  readonly isIn: (frames: readonly Frame[]) => boolean;
}

const acknowledged = frame(settings, flags.ack, 0);
/** The only frame of an answer with this header block. */
const head = (block: Buffer, stream = 1) => frame(headers, flags.endHeaders | flags.endStream, stream, block);
const ok = head(bytes('20 88'));
const okBegins = frame(headers, flags.endHeaders, 1, bytes('20 88'));

function codeOf({ payload }: Frame, at: number): number {
  return payload.length < at + 4 ? 0 : payload.readUInt32BE(at);
}

/** The header blocks of frames, and whether the last one is complete. */
function blocksOf(frames: readonly Frame[]): { readonly blocks: Buffer[]; readonly isOpen: boolean } {
  const blocks: Buffer[] = [];
  let isOpen = false;
  for (const { type, flags: flag, payload } of frames) {
    if (type !== headers && type !== continuation) continue;
    if (type === headers) blocks.push(fragmentOf(flag, payload));
    else if (isOpen) blocks.push(bytes(blocks.pop() as Buffer, payload));
    else continue;
    isOpen = (flag & flags.endHeaders) === 0;
  }
  return { blocks, isOpen };
}

function fragmentOf(flag: number, payload: Buffer): Buffer {
  const isPadded = (flag & flags.padded) !== 0;
  const start = (isPadded ? 1 : 0) + ((flag & flags.priority) === 0 ? 0 : 5);
  return Buffer.from(payload.subarray(start, payload.length - (isPadded ? (payload[0] ?? 0) : 0)));
}

function fieldsIn(block: Buffer): string[] {
  try {
    return decodeHeaderBlock(block, 1 << 20) ?? [];
  } catch {
    return [];
  }
}

/** Whether an answer has a longer body than its Content-Length or its status allows. */
function hasLongBody(frames: readonly Frame[]): boolean {
  const left = new Map<number, number>();
  return frames.some(({ type, flags: flag, stream, payload }, index) => {
    if (type === headers) {
      const behind = frames.slice(index + 1);
      const next = behind.findIndex(each => each.type !== continuation);
      const head = frames.slice(index, next === -1 ? undefined : index + 1 + next);
      const fields = fieldsIn(blocksOf(head).blocks[0] as Buffer);
      const length = fields[fields.indexOf('content-length') + 1];
      if (fields.includes('content-length')) left.set(stream, Number(length));
      if (fields[1] === '204' || fields[1] === '304') left.set(stream, 0);
    }
    if (type !== data) return false;
    const padding = (flag & flags.padded) === 0 ? 0 : 1 + (payload[0] ?? 0);
    const rest = (left.get(stream) ?? Number.POSITIVE_INFINITY) - payload.length + padding;
    left.set(stream, rest);
    return rest < 0;
  });
}

/** Whether a value is out of its range (RFC 9113, section 6.5.2; RFC 8441; RFC 9218). */
function hasInvalidSetting({ payload }: Frame): boolean {
  return Array.from({ length: payload.length / 6 }, (_, index) => index * 6).some(at => {
    const value = payload.readUInt32BE(at + 2);
    switch (payload.readUInt16BE(at)) {
      case 2:
      case 8:
      case 9:
        return value !== 0;
      case 4:
        return value > 0x7fffffff;
      case 5:
        return value < 16_384 || value > 0xffffff;
      default:
        return false;
    }
  });
}

const legalName = /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const illegalValue = /[^\t\x20-\x7e\x80-\xff]|^[ \t]|[ \t]$/;

/** All such cases. Beside them, the codes in RST_STREAM and GOAWAY may differ. */
export const differences: readonly Difference[] = [
  {
    name: 'rejects an answer that a RST_STREAM with NO_ERROR cuts, because the rest is missing',
    example: [acknowledged, okBegins, frame(data, 0, 1, Buffer.from('a')), frame(rstStream, 0, 1, uint32(0))],
    reads: ['missing', 'whole'],
    isIn: frames => frames.some(each => each.type === rstStream && codeOf(each, 0) === 0),
  },
  {
    name: 'reads the answers that a GOAWAY with an error names to their end',
    example: [acknowledged, frame(goaway, 0, 0, bytes(uint32(1), uint32(2))), ok],
    reads: ['whole', 'refused'],
    isIn: frames => frames.some(each => each.type === goaway && codeOf(each, 4) !== 0),
  },
  {
    name: 'accepts a GOAWAY with the ID of a stream that no client opens',
    example: [acknowledged, frame(goaway, 0, 0, bytes(uint32(2), uint32(0))), ok],
    reads: ['whole', 'refused'],
    isIn: frames => frames.some(each => each.type === goaway && codeOf(each, 0) % 2 === 0),
  },
  {
    name: 'accepts up to 256 frames in a head, as net/http may send them, instead of 8',
    example: [
      acknowledged,
      frame(headers, flags.endStream, 1, bytes('20 88')),
      ...Array.from({ length: 9 }, () => frame(continuation, 0, 1)),
      frame(continuation, flags.endHeaders, 1),
    ],
    reads: ['whole', 'refused'],
    isIn: frames => frames.filter(({ type }) => type === continuation).length > 8,
  },
  {
    name: 'rejects an answer with a field that is not valid, instead of removing the field',
    example: [acknowledged, head(bytes('20 88 00', plain('a b'), plain('c')))],
    reads: ['missing', 'whole'],
    isIn: frames =>
      blocksOf(frames).blocks.some(block =>
        fieldsIn(block).some((text, at) => (at % 2 === 0 ? !legalName.test(text) : illegalValue.test(text))),
      ),
  },
  {
    name: 'accepts a 204 with a Content-Length, which the way to the client removes',
    example: [acknowledged, head(bytes('20 89 0f0d', plain('5')))],
    reads: ['whole', 'missing'],
    isIn: frames =>
      blocksOf(frames).blocks.some(block => {
        const fields = fieldsIn(block);
        return fields.includes('204') && fields.includes('content-length');
      }),
  },
  {
    name: 'rejects an answer with a Content-Length among its trailers, which could be taken for that of a head',
    example: [acknowledged, okBegins, head(bytes('20 0f0d', plain('0')))],
    reads: ['missing', 'whole'],
    isIn: frames =>
      blocksOf(frames).blocks.some(block => {
        const fields = fieldsIn(block);
        return fields[0] !== ':status' && fields.includes('content-length');
      }),
  },
  {
    name: 'ignores acknowledgements of what it did not send',
    example: [acknowledged, frame(settings, flags.ack, 0), frame(ping, flags.ack, 0, Buffer.alloc(8)), ok],
    reads: ['whole', 'refused'],
    isIn: frames =>
      frames.filter(({ type, flags: flag }) => type === settings && (flag & flags.ack) !== 0).length > 1 ||
      frames.some(({ type, flags: flag }) => type === ping && (flag & flags.ack) !== 0),
  },
  {
    name: 'does not need a confirmation of its table size of 0 before the first field',
    example: [acknowledged, head(bytes('88'))],
    reads: ['whole', 'refused'],
    isIn: frames => {
      const [first] = blocksOf(frames).blocks;
      return first !== undefined && first[0] !== 0x20;
    },
  },
  {
    name: 'keeps to its own settings also before the server has acknowledged them',
    example: [head(bytes('88 40', plain('a'), plain('b'), 'be'))],
    reads: ['refused', 'whole'],
    isIn: frames => {
      const acknowledged = frames.findIndex(({ type, flags: flag }) => type === settings && (flag & 1) !== 0);
      const first = frames.findIndex(({ type }) => type === headers || type === pushPromise);
      return first !== -1 && (acknowledged === -1 || acknowledged > first);
    },
  },
  {
    name: 'rejects one answer whose body comes before its head, instead of all',
    example: [acknowledged, frame(data, 0, 3, Buffer.from('a')), ok],
    reads: ['whole', 'refused'],
    isIn: frames => {
      const begun = new Set<number>();
      return frames.some(({ type, stream }) => {
        if (type === headers) begun.add(stream);
        return type === data && !begun.has(stream);
      });
    },
  },
  {
    name: 'rejects one answer whose body is longer than it may be, instead of all',
    example: [
      acknowledged,
      frame(headers, flags.endHeaders, 3, bytes('20 88 0f0d', plain('1'))),
      frame(data, 0, 3, Buffer.from('ab')),
      ok,
    ],
    reads: ['whole', undefined],
    isIn: hasLongBody,
  },
  {
    name: 'checks the padding of data for an answer that is over, too',
    example: [acknowledged, head(bytes('20 88'), 3), frame(data, flags.padded, 3, bytes('05 00')), ok],
    reads: ['refused', 'whole'],
    isIn: frames =>
      frames.some(
        ({ type, flags: flag, payload }) =>
          type === data && (flag & flags.padded) !== 0 && (payload[0] ?? 0) >= payload.length,
      ),
  },
  {
    name: 'does not read windows, because its requests have no body',
    example: [acknowledged, frame(windowUpdate, 0, 0, uint32(0)), ok],
    reads: ['whole', 'refused'],
    isIn: frames =>
      frames.some(each => each.type === windowUpdate && (codeOf(each, 0) === 0 || each.stream > 1)),
  },
  {
    name: 'does not check the values of settings that it does not use',
    example: [acknowledged, frame(settings, 0, 0, bytes('0005 00001dff')), ok],
    reads: ['whole', 'refused'],
    isIn: frames =>
      frames.some(each => each.type === settings && each.payload.length % 6 === 0 && hasInvalidSetting(each)),
  },
  {
    name: 'decodes a head when it is complete',
    example: [acknowledged, frame(headers, 0, 1, bytes('20 88 ff00'))],
    reads: ['missing', 'refused'],
    isIn: frames => blocksOf(frames).isOpen,
  },
  {
    name: 'ignores ALTSVC and ORIGIN frames, valid or not',
    example: [acknowledged, frame(10, 0, 1, bytes('ffff')), ok],
    reads: ['whole', 'refused'],
    isIn: frames => frames.some(({ type }) => type === 10 || type === 12),
  },
];
