import type { StreamState } from '../api/follow.js';
import { LineReader } from '../api/lines.js';
import { ApiRequest, type LogQuery, type ObjectName } from '../api/requests.js';
import { stream } from '../api/stream.js';
import { Followed } from './followed.js';
import type { Source } from './source.js';

/** One line of a log, or a part of a long one. */
export interface LogLine {
  /** The lines that are kept have consecutive numbers. */
  readonly id: number;
  /** The time at which the node received the line; empty if the line has none. */
  readonly time: string;
  readonly text: string;
  /** Whether it goes on where the line before it ends. */
  readonly isRest: boolean;
  /** Bytes in UTF-8. */
  readonly size: number;
  /** Why and when the stream stopped before this line; undefined if it did not. */
  readonly pause: Pause | undefined;
}

/** The stream stopped: the window was hidden (`paused`), the connection was cut (`away`), or the log ended (`live`). */
export interface Pause {
  readonly kind: StreamState['kind'];
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** The most lines and bytes that are kept; the oldest lines are dropped. */
const most = { lines: 100_000, bytes: 32 * 1024 * 1024 };

/** Characters. The parts of a longer line are lines of their own, as nodes store them. */
const longestLine = 16_384;

/** The log of one container, followed. */
export class PodLog extends Followed {
  lines: readonly LogLine[] = [];
  /** How many lines have been dropped. */
  dropped = 0;
  /** The characters of the longest line. */
  longest = 0;
  readonly #pod: ObjectName;
  readonly #query: LogQuery;
  #count = 0;
  #bytes = 0;
  /** The time of the last line that has one. */
  #last = '';
  /** Of the next line. */
  #pause: Pause | undefined;
  /** When the stream stopped, after the last line; undefined as long as it has not. */
  #stopped: number | undefined;
  #pending: LogLine[] = [];
  #drawing: ReturnType<typeof setTimeout> | undefined;

  constructor(source: Source, pod: ObjectName, query: LogQuery) {
    super(source);
    this.#pod = pod;
    this.#query = query;
  }

  protected override async run(signal: AbortSignal, onLive: () => void): Promise<void> {
    const { client, prefix, index } = this.source;
    const after = this.#last;
    // The request has whole seconds, so lines of the same second come again, and are skipped.
    const since = after === '' ? { tailLines: 500 } : { sinceTime: `${after.slice(0, 19)}Z` };
    const request = ApiRequest.log(prefix, index, this.#pod, { ...this.#query, ...since, timestamps: true });
    let isSkipped = false;
    const reader = new LineReader((line, isRest) => {
      const [, time = '', text = line] = (!isRest && /^(\d{4}-\d\d-\d\dT\S+Z) ?(.*)$/s.exec(line)) || [];
      if (!isRest) isSkipped = time !== '' && time <= after;
      if (!isSkipped) this.#add(time, text, isRest);
    }, longestLine);
    if (this.#stopped !== undefined && this.#count > 0)
      this.#pause = { kind: this.state.kind, at: this.#stopped };
    onLive();
    try {
      await stream(client, request, text => reader.read(text), signal);
      reader.end();
    } finally {
      this.#stopped ??= Date.now();
    }
    if (this.#query.follow === true) return;
    // There will be no more lines.
    this.state = { kind: 'ended' };
    this.#draw();
    this.close();
  }

  #add(time: string, text: string, isRest: boolean): void {
    const size = encoder.encodeInto(text, bytes).written;
    this.#pending.push({ id: this.#count++, time, text, isRest, size, pause: this.#pause });
    this.#pause = undefined;
    this.#stopped = undefined;
    this.#bytes += size;
    if (time !== '') this.#last = time;
    if (text.length > this.longest) this.longest = text.length;
    // A busy container writes faster than the page can be drawn.
    this.#drawing ??= setTimeout(() => this.#draw(), 100);
  }

  #draw(): void {
    clearTimeout(this.#drawing);
    this.#drawing = undefined;
    const lines = [...this.lines, ...this.#pending];
    this.#pending = [];
    let first = 0;
    for (const { size } of lines) {
      if (lines.length - first <= most.lines && this.#bytes <= most.bytes) break;
      this.#bytes -= size;
      first++;
    }
    this.lines = first === 0 ? lines : lines.slice(first);
    this.dropped += first;
    this.changed();
  }
}

const encoder = new TextEncoder();
const bytes = new Uint8Array(3 * longestLine);
