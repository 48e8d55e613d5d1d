/** The length in bits of each octet's code, and as the last entry that of EOS (RFC 7541, appendix B). */
// biome-ignore format: a row is sixteen octets
const lengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const endOfString = 256;
const shortest = 5;
const longest = 30;
/** The most bits of padding: less than an octet. */
const maxPadding = 7;

/** The octets in the order of their codes: by length of the code, then by value. */
const symbols = [...lengths.keys()].sort((one, other) => lengthOf(one) - lengthOf(other));
/** For each length: all codes of that length are below this number. */
const limits = new Int32Array(longest + 1);
/** For each length: the number to add to a code of that length to get its index in `symbols`. */
const offsets = new Int32Array(longest + 1);
assignCodes();

function lengthOf(symbol: number): number {
  return lengths[symbol] as number;
}

/** The codes of one length are consecutive. The first one follows the last shorter code. */
function assignCodes(): void {
  let first = 0;
  let assigned = 0;
  for (let length = 1; length <= longest; length++) {
    const count = lengths.filter(each => each === length).length;
    limits[length] = first + count;
    offsets[length] = assigned - first;
    first = (first + count) << 1;
    assigned += count;
  }
}

/**
 * Decodes a Huffman-coded string, one character per octet (RFC 7541, section 5.2). Returns undefined if it contains EOS, or if its last
 * bits are not valid padding: at most 7 bits, all of them ones.
 */
export function decodeHuffman(coded: Buffer): string | undefined {
  const octets = Buffer.allocUnsafe(Math.floor((coded.length * 8) / shortest));
  let written = 0;
  let code = 0;
  let length = 0;
  for (const octet of coded) {
    for (let shift = 7; shift >= 0; shift--) {
      code = (code << 1) | ((octet >> shift) & 1);
      length++;
      if (code >= (limits[length] as number)) continue;
      const symbol = symbols[code + (offsets[length] as number)] as number;
      if (symbol === endOfString) return undefined;
      octets[written++] = symbol;
      code = 0;
      length = 0;
    }
  }
  const padded = length <= maxPadding && code === (1 << length) - 1;
  return padded ? octets.toString('latin1', 0, written) : undefined;
}
