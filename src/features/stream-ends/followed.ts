import { randomUUID } from 'node:crypto';
import { StatusError } from '../../kubernetes/status.js';
import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';
import type { OpenStream } from '../../proxy/open-streams.js';
import type { Revocation } from '../../request/recorded-request.js';

/** What is asked again about an open stream: is its caller still known, and may it still do this? */
export type About = Exclude<Revocation, 'expiry' | 'unknown' | 'operator' | 'cluster'>;

/** What the feature ends streams by. */
type Ending = Exclude<Revocation, 'cluster'>;

const errors: Readonly<Record<Ending, StatusError>> = {
  expiry: new StatusError(401, 'the credential that this stream began with has expired'),
  caller: new StatusError(401, 'this proxy no longer accepts the credential that this stream began with'),
  access: new StatusError(403, 'you may no longer do what this stream began with'),
  unknown: new StatusError(
    403,
    'the API server no longer lets this proxy ask whether you may do what this stream began with; whoever runs the proxy can allow it',
  ),
  operator: new StatusError(403, 'an operator of this proxy has ended this stream'),
};

/** What is asked at one moment about all streams that have it in common. It keeps no question: the streams have it. */
export interface Check {
  readonly key: string;
  readonly about: About;
  /** How many open streams have it. */
  streams: number;
  /** The look at which it was asked last, or was new. */
  askedAt: number;
  isAsking: boolean;
  /** How often one after the other the API server has not let the proxy ask. */
  refusals: number;
}

const noChecks: readonly Check[] = [];

/** One open request, since the moment at which it began. There may be thousands, so it has little. */
export class Followed extends Moment {
  readonly stream: OpenStream;
  /** Milliseconds since 1970; undefined if nothing about it was found out yet. */
  checkedAt: number | undefined;
  /** What is asked about it. */
  checks: readonly Check[] = noChecks;
  isOver = false;
  #id: string | undefined;

  constructor(stream: OpenStream, clock: Clock) {
    super(clock);
    this.stream = stream;
  }

  /** What no other stream of any process has. Most streams are never asked for it. */
  get id(): string {
    this.#id ??= randomUUID();
    return this.#id;
  }

  /** When the caller's credential expires, in milliseconds since 1970; undefined if that is not known. */
  get expires(): number | undefined {
    return this.stream.request.caller?.expires;
  }

  /** Whether the caller's credential has expired for this number of milliseconds, however the clock was set meanwhile. */
  hasExpiredFor(milliseconds: number): boolean {
    const { expires } = this;
    return expires !== undefined && this.age >= expires + milliseconds - this.time;
  }

  end(endedBy: Ending): void {
    if (this.isOver) return;
    this.isOver = true;
    this.stream.revoke({ endedBy, error: errors[endedBy] });
  }
}
