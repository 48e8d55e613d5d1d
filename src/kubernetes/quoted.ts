/** What Go's `strconv.IsPrint` takes for printable. */
const printable = /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;
const plain = /^[ !#-[\]-~]*$/;
const escapes = new Map([
  ...(['"', '\\'] as const).map(sign => [sign, `\\${sign}`] as const),
  ...[...'abtnvfr'].map((letter, index) => [String.fromCharCode(index + 7), `\\${letter}`] as const),
]);

/** A text as Go's `%q` writes it. */
export function quoted(text: string): string {
  return `"${plain.test(text) ? text : Array.from(text, escaped).join('')}"`;
}

function escaped(character: string): string {
  const known = escapes.get(character);
  if (known !== undefined) return known;
  if (printable.test(character)) return character;
  const hex = (character.codePointAt(0) as number).toString(16);
  if (character < '\x80') return `\\x${hex.padStart(2, '0')}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
