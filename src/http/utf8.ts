/**
 * Decodes UTF-8 in a string in which each character is one byte. As in Go's strings and JSON, each byte that belongs to no character becomes
 * one U+FFFD; Node makes one of all the bytes of a character that is cut short. Takes linear time.
 */
export function utf8Text(bytes: string): string {
  if (!/[\x80-\xff]/.test(bytes)) return bytes;
  const buffer = Buffer.from(bytes, 'latin1');
  const text = buffer.toString();
  if (!text.includes('\ufffd')) return text;
  for (let at = 0; at < buffer.length; ) {
    const length = characterLength(buffer, at);
    // No character contains 0xff, so that it becomes one U+FFFD.
    if (length === 0) buffer[at] = 0xff;
    at += length || 1;
  }
  return buffer.toString();
}

/** The number of bytes of the character that begins at `at`; 0 if none begins there (Unicode, table 3-7). */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const second = bytes[at + 1] ?? 0;
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (let next = at + 2; next < at + length; next++) {
    if (((bytes[next] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  return length;
}
