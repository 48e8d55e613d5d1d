import { StatusError } from '../../kubernetes/status.js';
import type { Moment } from '../../lib/moment.js';
import type { OpenStream, StreamEnd } from '../../proxy/open-streams.js';

/** What is asked again about an open stream: is its caller still known, and may it still do this? */
export type About = Exclude<StreamEnd['endedBy'], 'expiry'>;

const errors: Readonly<Record<StreamEnd['endedBy'], StatusError>> = {
  expiry: new StatusError(401, 'the credential that this stream began with has expired'),
  caller: new StatusError(401, 'this proxy no longer accepts the credential that this stream began with'),
  access: new StatusError(403, 'you may no longer do what this stream began with'),
};

/** One open stream of a caller. */
export class Followed {
  readonly stream: OpenStream;
  readonly since: Moment;
  /** Milliseconds since 1970; undefined if nothing about it was found out yet. */
  checkedAt: number | undefined;
  isOver = false;

  constructor(stream: OpenStream, since: Moment) {
    this.stream = stream;
    this.since = since;
  }

  /** When the caller's credential expires, in milliseconds since 1970; undefined if that is not known. */
  get expires(): number | undefined {
    return this.stream.request.caller?.expires;
  }

  /** Whether the caller's credential has expired for this number of milliseconds, however the clock was set meanwhile. */
  hasExpiredFor(milliseconds: number): boolean {
    const { expires, since } = this;
    return expires !== undefined && since.age >= expires + milliseconds - since.time;
  }

  /** Whether the API server has begun to answer: it has let the user do it. */
  get hasBegun(): boolean {
    return this.stream.request.record.code !== 0;
  }

  end(endedBy: StreamEnd['endedBy']): void {
    if (this.isOver) return;
    this.isOver = true;
    this.stream.revoke({ endedBy, error: errors[endedBy] });
  }
}
