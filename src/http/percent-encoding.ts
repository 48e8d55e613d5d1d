const percent = 0x25;

/**
 * The text that a string stands for in which each character is one byte, as Go's net/url reads it: percent-encoded UTF-8, in which each byte
 * that belongs to no character becomes U+FFFD. Undefined if an escape is broken.
 */
export function unescapedText(text: string): string | undefined {
  // Stryker disable next-line ConditionalExpression: plain text is only returned faster
  if (!/[%\x80-\xff]/.test(text)) return text;
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined;
  return utf8Text(percentDecoded(text).toString('latin1'));
}

/**
 * Decodes percent-encoding in a string in which each character is one byte. Broken escapes remain (RFC 3986, section 2.1). Takes linear
 * time: a callback for each escape took 100 ms for the largest target that a client can send.
 */
export function percentDecoded(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const { length } = bytes;
  let end = 0;
  for (let at = 0; at < length; at++) {
    const byte = bytes[at] as number;
    // Behind the end there is no digit.
    const value = byte === percent ? byteOf(bytes[at + 1] as number, bytes[at + 2] as number) : -1;
    bytes[end++] = value === -1 ? byte : value;
    if (value !== -1) at += 2;
  }
  return bytes.subarray(0, end);
}

/** The value of two hexadecimal digits; -1 for other characters. */
function byteOf(first: number, second: number): number {
  const high = digitOf(first);
  const low = digitOf(second);
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

/** The value of a hexadecimal digit; -1 for other characters. */
function digitOf(character: number): number {
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  const letter = character | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** The first byte of a character that is cut short. */
const cutShort = /[\xc0-\xdf](?![\x80-\xbf])|[\xe0-\xef](?![\x80-\xbf]{2})|[\xf0-\xff](?![\x80-\xbf]{3})/g;

/**
 * Decodes UTF-8 in a string in which each character is one byte. As in Go's strings and JSON, each byte that belongs to no character becomes
 * one U+FFFD; Node makes one of all the bytes of a character that is cut short, unless it begins with 0xff. Takes linear time.
 */
export function utf8Text(bytes: string): string {
  return Buffer.from(bytes.replace(cutShort, '\xff'), 'latin1').toString();
}
