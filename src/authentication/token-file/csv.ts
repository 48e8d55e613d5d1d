/** A file that is not CSV; `line` counts from 1. The message holds nothing of the file. */
export class CsvError extends Error {
  constructor(
    readonly line: number,
    message: string,
  ) {
    super(message);
  }
}

/** A field with what ends it: quoted, where two quotes are one, or plain. */
const field = /(?:"([^"]*(?:""[^"]*)*)"|([^",\n]*))(,|\n|$)/y;

/**
 * Records of RFC 4180 as Go's encoding/csv reads them: of any number of fields, empty lines left out, no quote in the middle of
 * a field. Throws a CsvError.
 */
export function parseCsv(file: string): string[][] {
  const text = file.replaceAll('\r\n', '\n');
  const records: string[][] = [];
  let record: string[] = [];
  let position = 0;
  while (position < text.length || record.length > 0) {
    field.lastIndex = position;
    const match = field.exec(text);
    if (match === null) {
      const line = text.slice(0, position).split('\n').length;
      throw new CsvError(line, 'a quote in the middle of a field, or one that is not closed');
    }
    const [whole, quoted, plain = '', end] = match;
    position += whole.length;
    const isEmptyLine = record.length === 0 && quoted === undefined && plain === '' && end !== ',';
    if (!isEmptyLine) record.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ',') continue;
    if (record.length > 0) records.push(record);
    record = [];
  }
  return records;
}
