import type { Random } from '../../support/random.js';
import { bytes, huffman, huffmanBits, plain } from '../../support/upstreams/hpack.js';
import { flags, frame, frameTypes, uint32 } from '../../support/upstreams/http2-frames.js';

/** What a server sends on one connection, after its first SETTINGS. */
export interface Script {
  /** How many requests the client sends; their streams are 1, 3, 5, … */
  readonly requests: number;
  /** The frames as bytes. A fault may make one of them something else. */
  readonly frames: readonly Buffer[];
  /** The names of the faults; empty if every answer is valid and complete. */
  readonly faults: readonly string[];
}

/** Indices of the static table (RFC 7541, appendix A) whose names say nothing about a message's form. */
const plainIndices = Array.from({ length: 61 }, (_, at) => at + 1).filter(
  index => index > 14 && index !== 28 && index !== 57,
);
const names = [
  ...['audit-id', 'x-a', 'warning', 'x-kubernetes-pf-flowschema-uid'],
  ...['trailer', 'x!#$%&*+-.^_`|~09z'],
];
const texts = [
  ...['application/json', '', '0', '299 - "a"', 'a\tb', '\xff\x80', 'no-cache, private'],
  'x'.repeat(130),
];
const visible = Array.from({ length: 256 }, (_, octet) => octet).filter(
  octet => octet > 0x20 && octet !== 0x7f,
);

function list<T>(random: Random, most: number, make: () => T): T[] {
  return Array.from({ length: random.below(most + 1) }, make);
}

function makeText(random: Random): string {
  if (random.chance(0.5)) return random.pick(texts);
  return String.fromCharCode(...list(random, random.pick([4, 40, 300]), () => random.pick(visible)));
}

function makeString(random: Random, text: string): Buffer {
  return random.chance(0.5) ? huffman(huffmanBits(text)) : plain(text);
}

/** An integer with the bits of the first octet before its prefix (RFC 7541, section 5.1). */
function integer(pattern: number, prefix: number, value: number): Buffer {
  const full = (1 << prefix) - 1;
  if (value < full) return Buffer.from([pattern | value]);
  const octets = [pattern | full];
  let left = value - full;
  for (; left >= 128; left >>>= 7) octets.push((left & 127) | 128);
  return Buffer.from([...octets, left]);
}

/** The three kinds of literals, by the bits of their first octet and the length of the prefix after them. */
const literals = [
  [0x40, 6],
  [0x00, 4],
  [0x10, 4],
] as const;

/** A field as a literal, with its own name. */
function literal(random: Random, name: string, value: string): Buffer {
  const [pattern] = random.pick(literals);
  return bytes(Buffer.from([pattern]), makeString(random, name), makeString(random, value));
}

function makeField(random: Random): Buffer {
  const index = random.pick(plainIndices);
  if (random.chance(0.3)) return integer(0x80, 7, index);
  if (random.chance(0.4)) {
    const [pattern, prefix] = random.pick(literals);
    return bytes(integer(pattern, prefix, index), makeString(random, makeText(random)));
  }
  return literal(random, random.pick(names), makeText(random));
}

function statusField(random: Random, code: number): Buffer {
  const index = [200, 204, 206, 304, 400, 404, 500].indexOf(code);
  if (index !== -1 && random.chance(0.7)) return integer(0x80, 7, 8 + index);
  const name = random.chance(0.7) ? integer(0x10, 4, 8 + random.below(7)) : bytes('10', plain(':status'));
  return bytes(name, makeString(random, String(code)));
}

/** A header block as a HEADERS frame, and sometimes CONTINUATION frames. */
function headFrames(random: Random, stream: number, block: Buffer, isEnd: boolean): Buffer[] {
  const cuts = random.chance(0.2) ? list(random, 4, () => random.below(block.length + 1)) : [];
  const places = [0, ...cuts.sort((one, other) => one - other), block.length];
  return places.slice(1).map((end, at) => {
    const part = block.subarray(places[at], end);
    const last = at === places.length - 2 ? flags.endHeaders : 0;
    if (at > 0) return frame(frameTypes.continuation, last, stream, part);
    const padding = random.chance(0.15) ? random.below(20) : undefined;
    const priority = random.chance(0.1)
      ? bytes(uint32(random.below(4) * 2), Buffer.from([random.below(256)]))
      : undefined;
    const flag =
      last |
      (isEnd ? flags.endStream : 0) |
      (padding === undefined ? 0 : flags.padded) |
      (priority === undefined ? 0 : flags.priority);
    return frame(
      frameTypes.headers,
      flag,
      stream,
      bytes(
        Buffer.from(padding === undefined ? [] : [padding]),
        priority ?? '',
        part,
        Buffer.alloc(padding ?? 0),
      ),
    );
  });
}

function dataFrame(random: Random, stream: number, body: Buffer, isEnd: boolean): Buffer {
  const padding = random.chance(0.2) ? random.below(20) : undefined;
  const end = isEnd ? flags.endStream : 0;
  if (padding === undefined) return frame(frameTypes.data, end, stream, body);
  const payload = bytes(Buffer.from([padding]), body, Buffer.alloc(padding));
  return frame(frameTypes.data, end | flags.padded, stream, payload);
}

/** A block that begins as a block after a change of the table's size has to. */
function blockOf(fields: readonly Buffer[]): Buffer {
  return bytes('20', ...fields);
}

/** What makes the blocks of a whole answer wrong, by name. */
const wrongFields: Readonly<Record<string, (random: Random) => Buffer>> = {
  'a name in upper case': random => literal(random, 'X-A', 'x'),
  'a name of one illegal character': random =>
    literal(random, random.pick(['', 'a b', 'a:', 'é', 'a\0']), 'x'),
  'a value of one illegal character': random =>
    literal(random, 'x-a', random.pick(['a\0b', 'a\rb', 'a\nb', 'a\x7fb', '\x01'])),
  'a value between spaces': random => literal(random, 'x-a', random.pick([' a', 'a ', '\ta', ' '])),
  'a field of a connection': random =>
    literal(
      random,
      random.pick(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']),
      random.pick(['close', 'x', '']),
    ),
  'a TE field': random => literal(random, 'te', 'gzip'),
  'a second :status': random => statusField(random, 200),
  'another pseudo-header field': random =>
    literal(random, random.pick([':path', ':method', ':unknown', ':']), random.pick(['/', 'GET'])),
  'a wrong content-length': random =>
    literal(
      random,
      'content-length',
      random.pick(['7777', '1x', '', '-1', '+3', '99999999999999999999', '0']),
    ),
  'two content-lengths': random =>
    bytes(literal(random, 'content-length', '3'), literal(random, 'content-length', '3')),
  'a change of the table size after a field': random => Buffer.from([0x20 | random.below(4)]),
  'an index of no field': random => integer(0x80, 7, random.pick([0, 62, 63, 200, 1e6])),
  'an index of no name': random => bytes(integer(0x10, 4, random.pick([62, 80, 300])), plain('x')),
  'a Huffman code with EOS': () => bytes('00', plain('x-a'), huffman('1'.repeat(30))),
  'a Huffman code with wrong padding': random =>
    bytes('00', plain('x-a'), huffman(huffmanBits('a') + random.pick(['000', '110', '1'.repeat(11)]))),
  'a string that is too long': () => bytes('00 7f ff ff ff 7f'),
  'an integer of many octets': random =>
    bytes(
      '00',
      plain('x-a'),
      `7f ${random.pick(['80 80 80 00', '80 80 80 80 80 80 00', 'ff ff ff ff ff ff 7f'])}`,
    ),
};

/** Frames that must follow each other directly: the frames of a head, or one other frame. */
type Unit = readonly Buffer[];

function makeAnswer(random: Random, stream: number, faults: string[]): Unit[] {
  const status = random.pick([200, 200, 200, 201, 204, 206, 304, 403, 404, 410, 500, 599]);
  const mayHaveBody = status !== 204 && status !== 304;
  const body = mayHaveBody ? list(random, 4, () => makeBody(random)) : [];
  const fields = [statusField(random, status), ...list(random, 5, () => makeField(random))];
  if (mayHaveBody && random.chance(0.3)) {
    fields.push(literal(random, 'content-length', String(Buffer.concat(body).length)));
  }
  const trailers = random.chance(0.2) ? list(random, 3, () => makeField(random)) : undefined;
  if (random.chance(0.1)) {
    const [name, make] = random.pick(Object.entries(wrongFields));
    faults.push(name);
    const block = random.chance(0.3) ? (trailers ?? fields) : fields;
    block.splice(random.below(block.length + 1), 0, make(random));
  }
  const early = random.chance(0.1) ? list(random, 2, () => random.pick([100, 102, 103])) : [];
  const lastPart = trailers === undefined ? body.length - 1 : undefined;
  return [
    ...early.map(code =>
      headFrames(random, stream, blockOf([statusField(random, code), makeField(random)]), false),
    ),
    headFrames(random, stream, blockOf(fields), lastPart === -1),
    ...body.map((part, index) => [dataFrame(random, stream, part, index === lastPart)]),
    ...(trailers === undefined ? [] : [headFrames(random, stream, blockOf(trailers), true)]),
  ];
}

function makeBody(random: Random): Buffer {
  return Buffer.from(makeText(random).repeat(random.pick([1, 1, 3, 30])), 'latin1');
}

const settings = ['', '0003 00000064', '0004 00010000', '00ff 00000001', '0005 00004000 0005 0000ffff'];

/** A frame that changes no answer. */
function makeControlFrame(random: Random): Buffer {
  return random.pick([
    () => frame(frameTypes.ping, 0, 0, Buffer.alloc(8, random.below(256))),
    () => frame(frameTypes.settings, 0, 0, bytes(random.pick(settings))),
    () => frame(frameTypes.windowUpdate, 0, random.pick([0, 1]), uint32(1 + random.below(1000))),
    () =>
      frame(
        frameTypes.priority,
        0,
        random.pick([1, 3, 9]),
        bytes('00000000', Buffer.from([random.below(256)])),
      ),
    () => frame(0x20 + random.below(200), random.below(256), random.below(4), Buffer.alloc(random.below(30))),
  ])();
}

const codes = [0, 1, 2, 3, 7, 8, 11];

/** A frame of any known type with any content. */
function makeAnyFrame(random: Random, streams: number): Buffer {
  const length = random.pick([0, 1, 3, 4, 5, 6, 8, 9, 12, 20]);
  const payload = Buffer.from(
    Array.from({ length }, () => random.pick([0, 0, 1, 0x20, 0x88, 255, random.below(256)])),
  );
  return frame(random.below(10), random.pick([0, 1, 4, 5, 8, 0x2d]), random.below(streams + 3), payload);
}

/** Faults of whole frames, by name. Each changes the list in place, at this index. */
const wrongFrames: Readonly<Record<string, (random: Random, frames: Buffer[], at: number) => void>> = {
  'another byte in a payload': (random, frames, at) =>
    change(frames, at, bytes => {
      if (bytes.length > 9) bytes[9 + random.below(bytes.length - 9)] = random.below(256);
    }),
  'another length': (random, frames, at) =>
    change(frames, at, bytes => {
      bytes.writeUIntBE(
        random.pick([bytes.length - 8, Math.max(0, bytes.length - 10), 0, 16_385, 0xffffff]),
        0,
        3,
      );
    }),
  'another type': (random, frames, at) => change(frames, at, bytes => bytes.writeUInt8(random.below(10), 3)),
  'other flags': (random, frames, at) => change(frames, at, bytes => bytes.writeUInt8(random.below(64), 4)),
  'another stream': (random, frames, at) =>
    change(frames, at, bytes => bytes.writeUInt32BE(random.below(9), 5)),
  'a frame that is missing': (_random, frames, at) => void frames.splice(at, 1),
  'a frame that comes twice': (_random, frames, at) => void frames.splice(at, 0, frames[at] as Buffer),
  'two frames in the wrong order': (_random, frames, at) => void frames.push(...frames.splice(at, 1)),
  'a frame of any content': (random, frames, at) => void frames.splice(at, 0, makeAnyFrame(random, 5)),
  'a reset': (random, frames, at) =>
    void frames.splice(
      at,
      0,
      frame(frameTypes.rstStream, 0, random.pick([1, 3]), uint32(random.pick(codes))),
    ),
  'a GOAWAY': (random, frames, at) =>
    void frames.splice(
      at,
      0,
      frame(frameTypes.goaway, 0, 0, bytes(uint32(random.below(6)), uint32(random.pick(codes)))),
    ),
  'an early end': (_random, frames, at) => void frames.splice(at),
  'many CONTINUATION frames': (random, frames, at) =>
    void frames.splice(
      at,
      0,
      frame(frameTypes.headers, 0, 1, bytes('20 88')),
      ...Array.from({ length: random.pick([2, 12, 300]) }, () => frame(frameTypes.continuation, 0, 1)),
      frame(frameTypes.continuation, flags.endHeaders, 1),
    ),
};

function change(frames: Buffer[], at: number, edit: (bytes: Buffer) => void): void {
  const bytes = Buffer.from(frames[at] as Buffer);
  edit(bytes);
  frames[at] = bytes;
}

/** Makes the answers to a few requests, in any order, with frames of the connection between them, and with or without faults. */
export function makeScript(random: Random): Script {
  const requests = 1 + random.below(3);
  const faults: string[] = [];
  const answers = Array.from({ length: requests }, (_, index) => makeAnswer(random, 1 + 2 * index, faults));
  const frames: Buffer[] = [frame(frameTypes.settings, flags.ack, 0)];
  for (let left = answers; left.length > 0; left = left.filter(({ length }) => length > 0)) {
    if (random.chance(0.1)) frames.push(makeControlFrame(random));
    frames.push(...(random.pick(left).shift() ?? []));
  }
  if (random.chance(0.5)) return { requests, frames, faults };
  for (const [name, spoil] of list(random, 2, () => random.pick(Object.entries(wrongFrames)))) {
    if (frames.length === 0) break;
    faults.push(name);
    spoil(random, frames, random.below(frames.length));
  }
  return { requests, frames, faults };
}
