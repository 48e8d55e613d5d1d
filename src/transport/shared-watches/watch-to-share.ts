import type { SessionRequest } from '../renew-on-401.js';
import type { OutgoingRequest } from '../round-trip.js';

/** A request that may be a watch which others have too. */
export interface WatchingRequest<Session> extends SessionRequest<Session> {
  /** Whether it is a plain watch; nothing else can be shared. */
  readonly isWatch: boolean;
  /** The watch, if others may have the same; undefined if it must stay alone. Throws as `forSession` does. */
  watchToShare(session: Session): WatchToShare<Session> | undefined;
}

/** What is a client's own about a watch that it shares. */
export interface ClientWatch {
  /** The client gets what is newer than this. */
  readonly version: string;
  /** Whether it has asked for bookmarks. */
  readonly bookmarks: boolean;
  /** Milliseconds that it may last; undefined leaves that to the server. */
  readonly timeout: number | undefined;
  /** When the client's credential ends, in milliseconds since 1970; undefined if no end is known. */
  readonly expires: number | undefined;
}

/** A watch that others may have too. */
export interface WatchToShare<Session> extends ClientWatch {
  /** Equal for two watches of one cluster if only what is a client's own differs: the same user asks for the same, in the same form. */
  readonly key: string;
  /** The request for everybody, from this version on. Throws if the session leads to another API server, or acts as somebody else. */
  outgoing(session: Session, version: string): OutgoingRequest;
  /** Asks the API server whether the user may watch this now. */
  isAllowed(): Promise<boolean>;
}

/** How a client came to its watch: it opened a shared one, joined one, has one of its own, or has one of its own because it may not join. */
export type Join = 'opened' | 'ring' | 'own' | 'refused';
/** Why a shared watch had to be opened again: its response ended as it should, or broke off. */
export type Loss = 'ended' | 'error';

/** What is measured of shared watches. */
export interface ShareObserver {
  /** A shared watch is being opened at the API server (1), or is over (-1). */
  watches(change: 1 | -1): void;
  /** A client has joined a shared watch (1), or left it (-1). */
  clients(change: 1 | -1): void;
  joined(how: Join): void;
  /** An event came from the API server. */
  received(): void;
  /** So many events went to a client. */
  delivered(events: number): void;
  /** A shared watch goes on after a loss. */
  resumed(loss: Loss): void;
  /** A client was cut because it read too slowly. */
  lagged(): void;
}
