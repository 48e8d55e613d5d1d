/** A value in DER (X.690) with this tag, of up to 64 KB. */
export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [40 * first + second, ...rest].flatMap(number => {
    const low = [number & 0x7f];
    for (let left = number >> 7; left > 0; left >>= 7) low.unshift((left & 0x7f) | 0x80);
    return low;
  });
  return der(6, Buffer.from(bytes));
}

export const sequence = (...parts: readonly Buffer[]) => der(0x30, ...parts);
export const hex = (text: string) => Buffer.from(text, 'hex');
export const utf8 = (text: string) => der(0x0c, Buffer.from(text));
export const yes = hex('0101ff');

/** A name of attributes, each in a set of its own. */
export function name(...attributes: readonly (readonly [type: string, value: Buffer])[]): Buffer {
  return sequence(...attributes.map(([type, value]) => der(0x31, sequence(oid(type), value))));
}

/** An extension of a certificate, critical if `yes` is passed. */
export function extension(type: string, value: Buffer, ...critical: readonly Buffer[]): Buffer {
  return sequence(oid(type), ...critical, der(4, value));
}
