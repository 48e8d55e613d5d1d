/** The file is not CSV. `line` counts from 1. The message contains no part of the file. */
export class CsvError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** A field and its end. The field is plain, or quoted, and then two quotes stand for one. */
const field = /(?:"([^"]*(?:""[^"]*)*)"|([^",\n]*))(,|\n|$)/y;

/**
 * Reads records of RFC 4180 as Go's encoding/csv does: a record may have any number of fields, empty lines are ignored, a quote in the
 * middle of a field is an error, and a carriage return at the end of the file is ignored. Throws a CsvError.
 */
export function parseCsv(file: string): string[][] {
  const text = file.replaceAll('\r\n', '\n').replace(/\r$/, '');
  const records: string[][] = [];
  let record: string[] = [];
  let position = 0;
  while (position < text.length || record.length > 0) {
    field.lastIndex = position;
    const match = field.exec(text);
    if (match === null) {
      const line = text.slice(0, position).split('\n').length;
      throw new CsvError(line, 'a quote is in the middle of a field, or is not closed');
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
