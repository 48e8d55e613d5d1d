import type { LogLine } from './pod-log.js';

/** Finds a text, in any case, in the lines of a log that grows at its end and loses lines at its beginning. Each line is read once. */
export class LogSearch {
  readonly #pattern: RegExp | undefined;
  #found: LogLine[] = [];
  /** The number of the first line that was not read yet. */
  #next = 0;

  /** An empty text is nowhere. */
  constructor(text: string) {
    this.#pattern = text === '' ? undefined : new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'i');
  }

  /** Those of the lines that have the text. */
  in(lines: readonly LogLine[]): readonly LogLine[] {
    const [first] = lines;
    if (this.#pattern === undefined || first === undefined) return [];
    if ((this.#found[0]?.id ?? first.id) < first.id)
      this.#found = this.#found.filter(({ id }) => id >= first.id);
    for (const line of lines.slice(Math.max(0, this.#next - first.id))) {
      if (this.#pattern.test(line.text)) this.#found.push(line);
      this.#next = line.id + 1;
    }
    return this.#found;
  }
}
