import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';

/** Namespaces, by their IDs. */
export type Ids = ReadonlySet<string>;

/** What a client that has had everything up to a version holds: surely these, and perhaps those. */
export interface ShownSet {
  readonly surely: Ids;
  readonly perhaps: Ids;
}

/** The versions from `from` to `to`, at which a client was shown the same. */
interface Span {
  readonly from: bigint;
  to: bigint;
  readonly shown: Ids;
  since: Moment;
}

/** Milliseconds for which it is remembered what was shown at a version. */
const lifetime = 600_000;
/** The most spans of one user. */
const mostSpans = 200;

/** Undefined for what is no version of an object. The API server's have at most 20 digits. */
export function toVersion(text: string): bigint | undefined {
  return /^[1-9][0-9]{0,19}$/.test(text) ? BigInt(text) : undefined;
}

/**
 * What one user was shown at which version. Several clients of a user may have been shown different sets at the same version: what has just
 * become visible has reached only some of them.
 */
export class ShownVersions {
  readonly #clock: Clock;
  #spans: Span[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether nothing is remembered any more. */
  get isEmpty(): boolean {
    this.#forget();
    return this.#spans.length === 0;
  }

  /** A client that has had everything up to this version was shown these. The set must not change after the call. */
  record(version: string, shown: Ids): void {
    const to = toVersion(version);
    if (to === undefined) return;
    const since = new Moment(this.#clock);
    const last = this.#spans.findLast(span => isEqual(span.shown, shown));
    if (last !== undefined && last.from <= to) {
      if (to > last.to) last.to = to;
      last.since = since;
    } else this.#spans.push({ from: to, to, shown, since });
    if (this.#spans.length > mostSpans) this.#spans.shift();
  }

  /** Undefined if it is not known. */
  at(text: string): ShownSet | undefined {
    this.#forget();
    const version = toVersion(text);
    if (version === undefined) return undefined;
    const found = this.#spans.filter(({ from, to }) => from <= version && version <= to);
    const [first, ...others] = found.map(({ shown }) => shown);
    if (first === undefined) return undefined;
    if (others.length === 0) return { surely: first, perhaps: first };
    const surely = new Set([...first].filter(id => others.every(shown => shown.has(id))));
    return { surely, perhaps: new Set([first, ...others].flatMap(shown => [...shown])) };
  }

  #forget(): void {
    this.#spans = this.#spans.filter(({ since }) => since.age < lifetime);
  }
}

function isEqual(one: Ids, other: Ids): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const id of one) if (!other.has(id)) return false;
  return true;
}
