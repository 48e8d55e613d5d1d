/** The first byte of a character that is cut short. */
const cutShort = /[\xc0-\xdf](?![\x80-\xbf])|[\xe0-\xef](?![\x80-\xbf]{2})|[\xf0-\xff](?![\x80-\xbf]{3})/g;

/**
 * Decodes UTF-8 in a string in which each character is one byte. As in Go's strings and JSON, each byte that belongs to no character becomes
 * one U+FFFD; Node makes one of all the bytes of a character that is cut short, unless it begins with 0xff. Takes linear time.
 */
export function utf8Text(bytes: string): string {
  return Buffer.from(bytes.replace(cutShort, '\xff'), 'latin1').toString();
}
