/** Tags of ASN.1 that certificates use (ITU-T X.680, section 8.4). */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag of a field that is known by its number alone. */
export function fieldTag(number: number, kind: 'primitive' | 'constructed'): number {
  return (kind === 'constructed' ? 0xa0 : 0x80) | number;
}

/** Bytes are not the encoding that they should be. */
export class DerError extends Error {}

/**
 * Reads the elements of a DER encoding (ITU-T X.690) one after another, as strictly as Go's `cryptobyte.String`: lengths are definite and
 * have no byte too many, and tags have one byte. Each method throws a DerError if the next element is another one.
 */
export class Der {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  nextIs(tag: number): boolean {
    return this.#bytes[this.#at] === tag;
  }

  any(): { readonly tag: number; readonly content: Buffer } {
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) throw new DerError('a tag has several bytes');
    const start = this.#length();
    const end = this.#at + start;
    if (end > this.#bytes.length) throw new DerError('an element is cut off');
    const content = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return { tag, content };
  }

  content(tag: number): Buffer {
    if (!this.nextIs(tag)) throw new DerError('an element is missing or has another type');
    return this.any().content;
  }

  /** The elements within the next one. */
  inside(tag: number): Der {
    return new Der(this.content(tag));
  }

  /** Numbers with dots between them. Each fits in 31 bits. */
  objectIdentifier(): string {
    const numbers: number[] = [];
    let number = 0;
    let isWithin = false;
    for (const byte of this.content(tags.objectIdentifier)) {
      if ((!isWithin && byte === 0x80) || number >= 2 ** 24)
        throw new DerError('an object identifier is wrong');
      number = number * 128 + (byte & 0x7f);
      isWithin = byte >= 0x80;
      if (isWithin) continue;
      // The first two numbers are one in the encoding.
      const first = Math.min(Math.floor(number / 40), 2);
      if (numbers.length === 0) numbers.push(first, number - 40 * first);
      else numbers.push(number);
      number = 0;
    }
    if (isWithin || numbers.length === 0) throw new DerError('an object identifier is wrong');
    return numbers.join('.');
  }

  boolean(): boolean {
    const bytes = this.content(tags.boolean);
    if (bytes.length !== 1 || (bytes[0] !== 0 && bytes[0] !== 0xff)) throw new DerError('a boolean is wrong');
    return bytes[0] === 0xff;
  }

  /** An integer of any size that is not negative. */
  natural(tag: number = tags.integer): void {
    const bytes = this.content(tag);
    const [first = 0x80, second = 0x80] = bytes;
    if (first >= 0x80 || (first === 0 && second < 0x80)) {
      throw new DerError('an integer is wrong or negative');
    }
  }

  bitString(): void {
    const bytes = this.content(tags.bitString);
    const [unused = 8] = bytes;
    // Without any bits, this is the number of unused ones itself, which has to be 0 then.
    const last = bytes.at(-1) as number;
    if (unused > 7 || (last & ((1 << unused) - 1)) !== 0) {
      throw new DerError('a bit string is wrong');
    }
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const size = first & 0x7f;
    if (size === 0 || size > 4) throw new DerError('a length is indefinite or too large');
    let length = 0;
    for (let index = 0; index < size; index++) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (size - 1)) throw new DerError('a length has a byte too many');
    return length;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new DerError('an element is cut off');
    return byte;
  }
}
