import { fieldOverhead } from '../../http/header-fields.js';
import { errorCode, Http2Error } from './frames.js';
import { decodeHuffman } from './huffman.js';
import { type StaticField, staticTable } from './static-table.js';

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
/** The most octets of a length, which has at most 31 bits, and of what comes before it. */
const maxPrefix = 7;

/**
 * Decodes a whole header block. The receiver's SETTINGS_HEADER_TABLE_SIZE must be 0, so that only the static table is in use. Names and
 * values may contain any octet.
 *
 * @param maxListSize The most octets of all fields, counted as for SETTINGS_MAX_HEADER_LIST_SIZE.
 * @returns Name, value, name, value, … in order, one character per octet; undefined if there are more octets.
 * @throws Http2Error
 */
export function decodeHeaderBlock(block: Buffer, maxListSize: number): string[] | undefined {
  const reader = new BlockReader(block);
  skipSizeUpdates(reader);
  const fields: string[] = [];
  let size = 0;
  while (!reader.done) {
    const [name, value] = readField(reader);
    size += name.length + value.length + fieldOverhead;
    if (size > maxListSize) return undefined;
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
  const field = staticTable[index - 1];
  if (field === undefined) throw malformed('an index');
  return field;
}

/** Reads the primitive types of a block, from its start (RFC 7541, section 5). Throws an Http2Error. */
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

function malformed(what: string): Http2Error {
  return new Http2Error(errorCode.compressionError, `${what} of the header block is not HPACK`);
}

/**
 * Encodes a whole header block without any table: each field is marked as never indexed, which binds proxies on the way too (RFC 7541,
 * section 7.1.3). The block begins with a size update to 0: a receiver with a table of less than 4096 octets must get one in the first block
 * (section 4.2), and may get one in each block.
 *
 * @param fields Name, value, name, value, … one character per octet; names in lower case, pseudo-header fields first.
 */
export function encodeHeaders(fields: readonly string[]): Buffer {
  const block = Buffer.allocUnsafe(fields.reduce((length, text) => length + maxPrefix + text.length, 1));
  let at = block.writeUInt8(sizeUpdate);
  for (const [index, text] of fields.entries()) {
    if (index % 2 === 0) at = block.writeUInt8(neverIndexed, at);
    at = writeLength(block, at, text.length);
    at += block.write(text, at, 'latin1');
  }
  return block.subarray(0, at);
}

/** Returns the index after the length. */
function writeLength(block: Buffer, at: number, length: number): number {
  const full = huffmanCoded - 1;
  if (length < full) return block.writeUInt8(length, at);
  let next = block.writeUInt8(full, at);
  let left = length - full;
  for (; left >= 0x80; left >>>= 7) next = block.writeUInt8((left & 0x7f) | 0x80, next);
  return block.writeUInt8(left, next);
}
