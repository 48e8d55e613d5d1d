/** Splits text that arrives in pieces into lines. Empty lines are skipped. A line that is too long comes in several parts. */
export class LineReader {
  readonly #onLine: (line: string, isRest: boolean) => void;
  readonly #longest: number;
  #line = '';
  #isRest = false;

  /** Calls back with each line, or with each part of at most `longest` characters. All parts of a line but the first are its rest. */
  constructor(onLine: (line: string, isRest: boolean) => void, longest = Number.POSITIVE_INFINITY) {
    this.#onLine = onLine;
    this.#longest = longest;
  }

  read(text: string): void {
    const [first = '', ...others] = text.split('\n');
    this.#add(first);
    for (const part of others) {
      this.end();
      this.#add(part);
    }
  }

  /** The last line has no line break. */
  end(): void {
    if (this.#line !== '') this.#onLine(this.#line, this.#isRest);
    this.#line = '';
    this.#isRest = false;
  }

  #add(text: string): void {
    this.#line += text;
    while (this.#line.length > this.#longest) {
      // A character is not cut in two.
      const end = this.#longest - (/[\uD800-\uDBFF]/.test(this.#line.charAt(this.#longest - 1)) ? 1 : 0);
      const rest = this.#line.slice(end);
      this.#onLine(this.#line.slice(0, end), this.#isRest);
      this.#line = rest;
      this.#isRest = true;
    }
  }
}
