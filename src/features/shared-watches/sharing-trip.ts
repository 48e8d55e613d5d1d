import type { ReviewingCluster } from '../../reviews/access-review.js';
import type { Question } from '../../reviews/reviews.js';
import type { ClientSink, RoundTrip } from '../../transport/round-trip.js';
import { type CallObserver, UpstreamCall } from '../../transport/upstream-call.js';
import { SentRequest } from '../../transport/upstream-request.js';
import type { InitialStream } from './initial-stream.js';
import { UnsharableError } from './lasting-watch.js';
import type { Join } from './metrics.js';
import { Right } from './right.js';
import type { SharedWatch, SharedWatchParts } from './shared-watch.js';
import type { UnsharableKeys } from './unsharable-keys.js';
import { type WatchRequest, type WatchToShare, watchToShare } from './watch-to-share.js';
import { Watcher, type WatchSource } from './watcher.js';

/** What the shared watches of a cluster need. */
export interface TripParts extends SharedWatchParts {
  readonly source: ReviewingCluster;
}

/** The watches that a client may share. */
interface Shared {
  readonly unsharable: UnsharableKeys;
  find(request: WatchToShare, version: string): SharedWatch | undefined;
  initialStream(request: WatchToShare): InitialStream | undefined;
}

/** How a client gets its events. */
interface Joining {
  readonly how: Join;
  /** Why it does not join; undefined if it does. */
  readonly refusal: Join | undefined;
  readonly of: WatchSource;
}

/** Who wants a watch, and gets its response. */
interface Client {
  readonly request: WatchRequest;
  readonly sink: ClientSink;
  readonly observer: CallObserver;
}

/** Finds the watch for one client: a shared one, or one of its own. */
export class SharingTrip implements RoundTrip {
  readonly #shared: Shared;
  readonly #parts: TripParts;
  readonly #client: Client;
  /** The watcher that waits at a shared watch or gets its events, or else the client's own round trip. */
  #trip: RoundTrip | undefined;
  #isAborted = false;

  constructor(shared: Shared, parts: TripParts, client: Client) {
    this.#shared = shared;
    this.#parts = parts;
    this.#client = client;
  }

  start(): this {
    this.#choose().catch((error: Error) => this.#fail(error));
    return this;
  }

  async #choose(): Promise<void> {
    // Each call waits, if only for a microtask: a response that began before `send` returned could not be paused.
    const { source } = this.#parts;
    const request = watchToShare(this.#client.request, await source.access(), source);
    if (this.#isAborted) return;
    if (request === undefined) this.#goAlone();
    else if (this.#shared.unsharable.has(request)) this.#goAlone('own');
    else if (request.version === undefined) await this.#shareInitialEvents(request);
    else if (request.api !== undefined && !(await this.#isCertain(request.question)))
      this.#goAlone('refused');
    else if (!this.#isAborted) await this.#share(request, request.version);
  }

  async #shareInitialEvents(request: WatchToShare): Promise<void> {
    const stream = this.#shared.initialStream(request);
    if (stream === undefined) {
      this.#goAlone('own');
      return;
    }
    const watcher = this.#enter(stream, request);
    const mayWatch = request.api === undefined || (await this.#isCertain(request.question));
    // It has its place meanwhile, so that reviews that take a second do not cost ten streams.
    if (mayWatch && !this.#isAborted) stream.letIn(watcher);
    const refusal = mayWatch ? await this.#opened(watcher, request) : 'refused';
    this.#begin(watcher, { how: 'initial', refusal, of: stream });
  }

  async #share(request: WatchToShare, version: string): Promise<void> {
    const watch = this.#shared.find(request, version);
    if (watch === undefined) {
      this.#goAlone('own');
      return;
    }
    const how = watch.upstream.firstHead === undefined && watch.size === 0 ? 'opened' : 'ring';
    const watcher = this.#enter(watch, request);
    let refusal: Join | undefined;
    if (watch.upstream.firstHead === undefined) refusal = await this.#opened(watcher, request);
    else if (request.api === undefined && !(await this.#isCertain(watch.question))) refusal = 'refused';
    // The watch may have been lost, and have continued, while the API server was asked.
    if (!watch.isUnbrokenSince(version)) refusal ??= 'own';
    this.#begin(watcher, { how, refusal, of: watch });
  }

  /** Waits for the API server's answer. Meanwhile the right of a client may have ended that is not the one as whom the watch was sent. */
  async #opened(watcher: Watcher, { api, question }: WatchToShare): Promise<Join | undefined> {
    const refusal = await watcher.opened().then(() => undefined, toOwn);
    if (refusal !== undefined || api === undefined || this.#isAborted) return refusal;
    return (await this.#isCertain(question)) ? undefined : 'refused';
  }

  #isCertain(question: Question): true | Promise<boolean> {
    return new Right(this.#parts.reviews, question).isCertain();
  }

  #enter(watch: WatchSource, request: WatchToShare): Watcher {
    const { isStillValid: isKnown } = this.#client.request;
    const { api, question } = request;
    const isStillValid = api === undefined ? isKnown : new Right(this.#parts.reviews, question).with(isKnown);
    const watcher = new Watcher(watch, request, { sink: this.#client.sink, isStillValid }, this.#parts);
    this.#trip = watcher;
    return watcher;
  }

  /** Begins the client's response, unless the client must have a watch of its own. */
  #begin(watcher: Watcher, { how, refusal, of }: Joining): void {
    if (this.#isAborted) return;
    const { sentWith } = of.upstream;
    if (refusal === undefined) {
      if (sentWith !== undefined) this.#client.observer.sent?.(this.#asOwn(sentWith));
      if (watcher.begin()) {
        this.#parts.observer.joined(how);
        return;
      }
    }
    watcher.abort();
    this.#goAlone(refusal ?? 'own');
  }

  /** What this client's request would have been sent with: the clients of a watch may differ in the ID of their credential. */
  #asOwn(sent: SentRequest): SentRequest {
    const { impersonation } = this.#client.request.own;
    return typeof impersonation === 'object' ? new SentRequest(sent.host, impersonation) : sent;
  }

  /** @param join Undefined for a watch that cannot be shared because of its request. */
  #goAlone(join?: Join): void {
    if (join !== undefined) this.#parts.observer.joined(join);
    const { source } = this.#parts;
    const call = new UpstreamCall(source, this.#client.request.own, this.#client.sink, this.#client.observer);
    this.#trip = call;
    if (!this.#isAborted) call.start();
  }

  #fail(error: Error): void {
    const isAborted = this.#isAborted;
    this.abort();
    if (!isAborted) this.#client.sink.error(error);
  }

  pause(): void {
    this.#trip?.pause();
  }

  resume(): void {
    this.#trip?.resume();
  }

  abort(): void {
    this.#isAborted = true;
    this.#trip?.abort();
  }
}

/** If a watch cannot be shared, each client opens its own. Any other error goes to all clients. */
function toOwn(error: Error): Join {
  if (error instanceof UnsharableError) return 'own';
  throw error;
}
