/** Every octet as one character. */
export const everyOctet = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet)).toString('latin1');

/** Joins buffers and strings of hexadecimal digits, with or without spaces. */
export function bytes(...parts: (string | Buffer)[]): Buffer {
  return Buffer.concat(
    parts.map(part => (typeof part === 'string' ? Buffer.from(part.replaceAll(' ', ''), 'hex') : part)),
  );
}

/** Octets by the length of their codes, in the order of the codes in RFC 7541, appendix B. */
const octetsByLength = [
  [5, '012aceiost'],
  [6, ' %-./3456789=A_bdfghlmnpru'],
  [7, ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz'],
  [8, '&*,;XZ'],
  [10, '!"()?'],
  [11, "'+|"],
  [12, '#>'],
  [13, '\x00$@[]~'],
  [14, '^}'],
  [15, '<`{'],
  [19, '\\\xc3\xd0'],
  [20, '\x80\x82\x83\xa2\xb8\xc2\xe0\xe2'],
  [21, '\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6'],
  [
    22,
    '\x81\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe\xc4\xc6\xe4\xe8\xe9',
  ],
  [
    23,
    '\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf\xb4\xb6\xb7\xbc\xbf\xc5' +
      '\xe7\xef',
  ],
  [24, '\x09\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed'],
  [25, '\xc7\xcf\xea\xeb'],
  [26, '\xc0\xc1\xc8\xc9\xca\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff'],
  [27, '\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa\xfb\xfc\xfd\xfe'],
  [
    28,
    '\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f' +
      '\xdc\xf9',
  ],
  [30, '\x0a\x0d\x16'],
] as const;
/** The code that must not occur in a string, in digits 0 and 1. */
export const endOfString = '1'.repeat(30);

/** The code of each octet in digits 0 and 1. Each code is the previous one plus one, with zeros appended if codes become longer. */
const codes = new Map<string, string>();
let previous = '';
for (const [length, octets] of octetsByLength) {
  for (const octet of octets) {
    const next = previous === '' ? '' : (Number.parseInt(previous, 2) + 1).toString(2);
    previous = next.padStart(previous.length, '0').padEnd(length, '0');
    codes.set(octet, previous);
  }
}

/** The codes of a text's octets, in digits 0 and 1. */
export function huffmanBits(text: string): string {
  return [...text].map(octet => codes.get(octet)).join('');
}

/** Converts digits 0 and 1 to octets, padded with ones. */
function pack(bits: string): Buffer {
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1');
  return Buffer.from((padded.match(/.{8}/g) ?? []).map(octet => Number.parseInt(octet, 2)));
}

/** A string literal, Huffman-coded or not; the length has the same form in both. */
function literal(octets: Buffer, huffmanCoded: 0 | 0x80 = 0): Buffer {
  const length: number[] = [];
  let left = octets.length - 127;
  if (left < 0) return bytes(Buffer.from([huffmanCoded | octets.length]), octets);
  for (; left >= 128; left = Math.floor(left / 128)) length.push((left % 128) + 128);
  return bytes(Buffer.from([huffmanCoded | 127, ...length, left]), octets);
}

/** A string literal that is not compressed. */
export function plain(text: string): Buffer {
  return literal(Buffer.from(text, 'latin1'));
}

/** A string literal of these digits 0 and 1, padded with ones. */
export function huffman(bits: string): Buffer {
  return literal(pack(bits), 0x80);
}
