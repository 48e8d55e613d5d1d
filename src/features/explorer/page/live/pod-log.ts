import { LineReader } from '../api/lines.js';
import { ApiRequest, type LogQuery, type ObjectName } from '../api/requests.js';
import { stream } from '../api/stream.js';
import { Followed } from './followed.js';
import type { Source } from './source.js';

/** One line of a log. */
export interface LogLine {
  readonly id: number;
  /** The time at which the node received the line; empty if the line has none. */
  readonly time: string;
  readonly text: string;
}

/** The most lines that are kept; the oldest ones are dropped. */
const mostLines = 5_000;

/** The log of one container, followed. */
export class PodLog extends Followed {
  lines: readonly LogLine[] = [];
  readonly #pod: ObjectName;
  readonly #query: LogQuery;
  #count = 0;
  #pending: LogLine[] = [];
  #drawing: ReturnType<typeof setTimeout> | undefined;

  constructor(source: Source, pod: ObjectName, query: LogQuery) {
    super(source);
    this.#pod = pod;
    this.#query = query;
  }

  protected override async run(signal: AbortSignal, onLive: () => void): Promise<void> {
    const { client, prefix, index } = this.source;
    const last = this.lines.at(-1)?.time ?? '';
    // The request has whole seconds, so lines of the same second come again, and are skipped.
    const since = last === '' ? { tailLines: 500 } : { sinceTime: `${last.slice(0, 19)}Z` };
    const request = ApiRequest.log(prefix, index, this.#pod, { ...this.#query, ...since, timestamps: true });
    const reader = new LineReader(line => this.#add(line, last));
    onLive();
    await stream(client, request, text => reader.read(text), signal);
    if (this.#query.follow === true) return;
    // There will be no more lines.
    this.state = { kind: 'ended' };
    this.#draw();
    this.close();
  }

  #add(line: string, after: string): void {
    const [, time = '', text = line] = /^(\d{4}-\d\d-\d\dT\S+Z) ?(.*)$/s.exec(line) ?? [];
    if (time !== '' && time <= after) return;
    this.#pending.push({ id: this.#count++, time, text });
    // A busy container writes faster than the page can be drawn.
    this.#drawing ??= setTimeout(() => this.#draw(), 100);
  }

  #draw(): void {
    clearTimeout(this.#drawing);
    this.#drawing = undefined;
    this.lines = [...this.lines, ...this.#pending].slice(-mostLines);
    this.#pending = [];
    this.changed();
  }
}
