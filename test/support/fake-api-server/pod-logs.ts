import { EventEmitter } from 'node:events';

/** One line of a log, without its line break. */
export interface LoggedLine {
  /** RFC 3339 with nanoseconds, as nodes write it. */
  readonly time: string;
  readonly text: string;
}

/** The logs of the Pods, by their uids. They can grow. */
export class PodLogs {
  /** Has an event for each new line, named by the uid of its Pod. */
  readonly grown = new EventEmitter<Record<string, [LoggedLine]>>().setMaxListeners(0);
  readonly #lines = new Map<string, LoggedLine[]>();
  readonly #firstLines: number;

  /** The log of a new pod begins with this number of lines. */
  constructor(firstLines: number) {
    this.#firstLines = firstLines;
  }

  lines(uid: string): LoggedLine[] {
    const first = () =>
      Array.from({ length: this.#firstLines }, (_, index) => loggedLine(`log line ${index}`));
    const lines = this.#lines.get(uid) ?? first();
    this.#lines.set(uid, lines);
    return lines;
  }

  append(uid: string, text: string): void {
    const line = loggedLine(text);
    this.lines(uid).push(line);
    this.grown.emit(uid, line);
  }
}

function loggedLine(text: string): LoggedLine {
  return { time: new Date().toISOString().replace('Z', '000000Z'), text };
}
