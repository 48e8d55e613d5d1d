import type { SessionRequest } from '../transport/renew-on-401.js';
import type { OutgoingRequest } from '../transport/round-trip.js';

/** A request that may be a watch which other clients want too. */
export interface WatchingRequest<Session> extends SessionRequest<Session> {
  /** Whether it is a plain watch; other requests cannot be shared. */
  readonly isWatch: boolean;
  /**
   * The watch, if it can be shared; undefined if the client needs its own watch. It may take a moment to find out who the user is. Fails with
   * the same errors as `forSession`.
   */
  watchToShare(
    session: Session,
  ): WatchToShare<Session> | undefined | Promise<WatchToShare<Session> | undefined>;
}

/** The parts of a watch that may differ between the clients that share it. */
export interface ClientWatch {
  /** The client gets the events after this version. */
  readonly version: string;
  /** Whether the client asked for bookmarks. */
  readonly bookmarks: boolean;
  /** The longest duration in milliseconds; undefined lets the proxy choose. */
  readonly timeout: number | undefined;
  /** When the client's credential expires, in milliseconds since 1970; undefined if this is not known. */
  readonly expires: number | undefined;
}

/** A watch that can be shared. */
export interface WatchToShare<Session> extends ClientWatch {
  /** Two watches of one cluster can share if their keys are equal: the same user asks for the same events in the same format. */
  readonly key: string;
  /**
   * The request for the shared watch, from this version on. Throws if the session leads to another API server, or acts as another user. Throws
   * an UnknownUserError if that is not known yet.
   */
  outgoing(session: Session, version: string): OutgoingRequest;
  /** Asks the API server whether the user may watch this now. */
  isAllowed(): Promise<boolean>;
}
