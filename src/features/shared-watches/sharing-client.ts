import type { RequestTrace } from '../../observability/recorder.js';
import type { ReviewingCluster } from '../../reviews/access-review.js';
import type { ResponseSink } from '../../transport/round-trip.js';
import type { CallObserver } from '../../transport/upstream-call.js';
import { SentRequest } from '../../transport/upstream-request.js';
import type { LostError } from './ending.js';
import type { StreamClient } from './initial-stream.js';
import type { SharedWatch, SharedWatchParts } from './shared-watch.js';
import { type WatchRequest, type WatchToShare, watchToShare } from './watch-to-share.js';
import { type Before, Watcher } from './watcher.js';

/** What the shared watches of a cluster need. */
export interface TripParts extends SharedWatchParts {
  readonly source: ReviewingCluster;
}

/** The watches that a client may share. */
export interface Shared {
  isUnsharable(request: WatchToShare): boolean;
  find(request: WatchToShare, version: string, columns?: Buffer): SharedWatch | undefined;
}

/** Is told what happens to the watch of a client. */
export type ClientObserver = CallObserver & { readonly trace?: Pick<RequestTrace, 'joins'> | undefined };

/** Who wants a watch, and gets its response. */
export interface Client extends StreamClient {
  readonly request: WatchRequest;
  readonly observer: ClientObserver;
  /** The sink for the answer of a shared watch, if its own request switches protocols. */
  readonly upgraded: ResponseSink | undefined;
}

/** What a client was at before it goes on at a shared watch. */
export interface Former {
  readonly contentType: string | undefined;
  /** The columns of the Tables that it has had, as JSON; undefined if it has had none. */
  readonly columns: Buffer | undefined;
}

/** A client lost its shared watch. */
export type OnLost = (watch: SharedWatch, error: LostError, before: Before) => void;

/** One client on its way to shared watches, and from one to the next. */
export class SharingClient {
  readonly shared: Shared;
  readonly parts: TripParts;
  readonly asked: Client;
  /** How often it could not go on, or only for a moment, since it last had a steady watch. */
  failures = 0;

  constructor(shared: Shared, parts: TripParts, asked: Client) {
    this.shared = shared;
    this.parts = parts;
    this.asked = asked;
  }

  /** Where the answer of a shared watch goes. */
  get sink(): ResponseSink {
    const { sink, upgraded = sink } = this.asked;
    return upgraded;
  }

  /** What it asks for now, as by `watchToShare`. Rejects as that throws. */
  async request(): Promise<WatchToShare | undefined> {
    const { source } = this.parts;
    return watchToShare(this.asked.request, await source.access(), source);
  }

  /**
   * Whether the client's credential is still valid, and its user may watch, if others share the watch. A promise may reject if nobody says
   * it.
   */
  mayGoOn({ api, question }: WatchToShare): boolean | Promise<boolean> {
    const { isStillValid } = this.asked.request;
    if (api === undefined) return isStillValid?.() ?? true;
    return this.parts.rights.check(question, isStillValid);
  }

  enter(watch: SharedWatch, request: WatchToShare, onLost: OnLost): Watcher {
    const client = {
      sink: this.sink,
      lost: (error: LostError, before: Before) => onLost(watch, error, before),
    };
    return new Watcher(watch, request, client, this.parts);
  }

  /** Begins the client's response. Returns false if the watch cannot give it all events; then the client has left the watch. */
  begin(watcher: Watcher, { sentWith, traceIds }: SharedWatch): boolean {
    const { observer } = this.asked;
    if (sentWith !== undefined) observer.sent?.(this.#asOwn(sentWith));
    observer.trace?.joins(traceIds);
    return watcher.begin();
  }

  /** What this client's request would have been sent with: the clients of a watch may differ in the ID of their credential. */
  #asOwn(sent: SentRequest): SentRequest {
    const { impersonation } = this.asked.request.own;
    return typeof impersonation === 'object' ? new SentRequest(sent.host, impersonation) : sent;
  }

  /**
   * Lets a client whose response has begun elsewhere go on at an open watch, from this version. Returns false if it cannot; then it has left
   * the watch.
   *
   * @param leave Called if it can: it leaves where it was.
   */
  move(
    watcher: Watcher,
    watch: SharedWatch,
    { from: { contentType, columns }, version }: { readonly from: Former; readonly version: string },
    leave: () => Omit<Before, 'version'>,
  ): boolean {
    const isSame = watch.contentType === contentType && watch.mayHaveColumns(columns);
    if (!isSame || !watcher.canContinue(version)) {
      watcher.abort();
      return false;
    }
    watch.expectColumns(columns);
    this.asked.observer.trace?.joins(watch.traceIds);
    watcher.continue(leave());
    return true;
  }
}
