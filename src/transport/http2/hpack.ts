import { errorCode, Http2Error } from './frames.js';
import { decodeHuffman } from './huffman.js';
import { indexOfField, indexOfName, type StaticField, staticField } from './static-table.js';

/** A header block is not valid HPACK, or is too large. */
export class HpackError extends Http2Error {
  override readonly name = 'HpackError';

  constructor(message: string, code: Http2Error['code'] = 'MALFORMED_HTTP2') {
    super(code === 'MALFORMED_HTTP2' ? errorCode.compressionError : errorCode.enhanceYourCalm, message, code);
  }
}

/** The types of representations, by the highest bits of the first octet (RFC 7541, section 6). */
const indexed = 0x80;
const incrementallyIndexed = 0x40;
const sizeUpdate = 0x20;
const neverIndexed = 0x10;
/** How many bits of that octet an integer may use. */
const prefixes = { indexed: 7, incrementallyIndexed: 6, sizeUpdate: 5, literal: 4, string: 7 } as const;
/** The bit in a string's first octet that marks Huffman coding. */
const huffmanCoded = 0x80;

const maxInteger = 1 << 24;
const maxContinuations = 4;
/** The octets that each field adds to the size of the list, besides its name and value (RFC 9113, section 6.5.2). */
const fieldOverhead = 32;
/** The most octets of an index and two lengths; a length has at most 31 bits. */
const maxIntegers = 2 + 6 + 6;

/**
 * Decodes a whole header block. The receiver's SETTINGS_HEADER_TABLE_SIZE must be 0, so that only the static table is in use. Names and
 * values may contain any octet.
 *
 * @param maxListSize The most octets of all fields, counted as for SETTINGS_MAX_HEADER_LIST_SIZE.
 * @returns Name, value, name, value, … in order, one character per octet.
 * @throws HpackError
 */
export function decodeHeaderBlock(block: Buffer, maxListSize: number): string[] {
  const reader = new BlockReader(block);
  skipSizeUpdates(reader);
  const fields: string[] = [];
  let size = 0;
  while (!reader.done) {
    const [name, value] = readField(reader);
    size += name.length + value.length + fieldOverhead;
    if (size > maxListSize) {
      throw new HpackError('the head of the answer is too large', 'RESPONSE_HEADERS_TOO_LARGE');
    }
    fields.push(name, value);
  }
  return fields;
}

/** A size update at the start of a block is how the sender confirms our table size of 0 (RFC 7541, section 4.2). */
function skipSizeUpdates(reader: BlockReader): void {
  while (!reader.done && isSizeUpdate(reader.peek())) {
    if (reader.readInteger(prefixes.sizeUpdate) !== 0) throw malformed('the size of the dynamic table');
  }
}

function isSizeUpdate(first: number): boolean {
  return first >= sizeUpdate && first < incrementallyIndexed;
}

function readField(reader: BlockReader): StaticField {
  const first = reader.peek();
  if (first >= indexed) return lookUp(reader.readInteger(prefixes.indexed));
  if (isSizeUpdate(first)) throw malformed('a table size update after the first field');
  const prefix = first >= incrementallyIndexed ? prefixes.incrementallyIndexed : prefixes.literal;
  const index = reader.readInteger(prefix);
  const name = index === 0 ? reader.readString() : lookUp(index)[0];
  return [name, reader.readString()];
}

function lookUp(index: number): StaticField {
  const field = staticField(index);
  if (field === undefined) throw malformed('an index');
  return field;
}

/** Reads the primitive types of a block, from its start (RFC 7541, section 5). Throws an HpackError. */
class BlockReader {
  readonly #block: Buffer;
  #at = 0;

  constructor(block: Buffer) {
    this.#block = block;
  }

  get done(): boolean {
    return this.#at === this.#block.length;
  }

  /** The next octet. It stays unread. */
  peek(): number {
    const octet = this.#block[this.#at];
    if (octet === undefined) throw malformed('the end');
    return octet;
  }

  /** @param prefix How many bits of the next octet belong to the integer. */
  readInteger(prefix: number): number {
    const full = (1 << prefix) - 1;
    const start = this.#next() & full;
    return start < full ? start : this.#readContinuations(full);
  }

  readString(): string {
    const coded = this.peek() >= huffmanCoded;
    const length = this.readInteger(prefixes.string);
    const start = this.#at;
    const end = start + length;
    if (end > this.#block.length) throw malformed('the end');
    this.#at = end;
    if (!coded) return this.#block.toString('latin1', start, end);
    const text = decodeHuffman(this.#block.subarray(start, end));
    if (text === undefined) throw malformed('a Huffman code');
    return text;
  }

  #next(): number {
    const octet = this.peek();
    this.#at++;
    return octet;
  }

  #readContinuations(start: number): number {
    let value = start;
    for (let count = 0; count < maxContinuations; count++) {
      const octet = this.#next();
      value += (octet & 0x7f) << (7 * count);
      if (value > maxInteger) break;
      if (octet < 0x80) return value;
    }
    throw malformed('an integer');
  }
}

function malformed(what: string): HpackError {
  return new HpackError(`${what} of the header block is not HPACK`);
}

/**
 * Encodes a whole header block without the dynamic table. A field that is not in the static table is marked as never indexed, which binds
 * proxies on the way too (RFC 7541, section 7.1.3). The block begins with a size update to 0: a receiver with a table of less than 4096
 * octets must get one in the first block (section 4.2), and may get one in each block.
 *
 * @param fields Name, value, name, value, … one character per octet; names in lower case, pseudo-header fields first.
 */
export function encodeHeaders(fields: readonly string[]): Buffer {
  const block = Buffer.allocUnsafe(maxBlockLength(fields));
  block[0] = sizeUpdate;
  let at = 1;
  for (let each = 0; each < fields.length; each += 2) {
    at = writeField(block, at, fields[each] as string, fields[each + 1] as string);
  }
  return block.subarray(0, at);
}

function maxBlockLength(fields: readonly string[]): number {
  return fields.reduce((length, text) => length + text.length, 1 + (fields.length / 2) * maxIntegers);
}

/** Writes a field at `at`. Every writer here returns the index after what it has written. */
function writeField(block: Buffer, at: number, name: string, value: string): number {
  const whole = indexOfField(name, value);
  if (whole !== 0) return writeInteger(block, at, indexed, prefixes.indexed, whole);
  const index = indexOfName(name);
  const next = writeInteger(block, at, neverIndexed, prefixes.literal, index);
  return writeString(block, index === 0 ? writeString(block, next, name) : next, value);
}

function writeString(block: Buffer, at: number, text: string): number {
  const start = writeInteger(block, at, 0, prefixes.string, text.length);
  return start + block.write(text, start, 'latin1');
}

/** @param pattern The bits of the first octet before the prefix. */
function writeInteger(block: Buffer, at: number, pattern: number, prefix: number, value: number): number {
  const full = (1 << prefix) - 1;
  if (value < full) return block.writeUInt8(pattern | value, at);
  let next = block.writeUInt8(pattern | full, at);
  let left = value - full;
  for (; left >= 0x80; left >>>= 7) next = block.writeUInt8((left & 0x7f) | 0x80, next);
  return block.writeUInt8(left, next);
}
