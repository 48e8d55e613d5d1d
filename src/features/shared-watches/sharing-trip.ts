import type { RequestTrace } from '../../observability/recorder.js';
import type { ReviewingCluster } from '../../reviews/access-review.js';
import type { ResponseSink, RoundTrip } from '../../transport/round-trip.js';
import { type CallObserver, UpstreamCall } from '../../transport/upstream-call.js';
import { SentRequest } from '../../transport/upstream-request.js';
import { InitialStream, type StreamClient } from './initial-stream.js';
import { UnsharableError } from './lasting-watch.js';
import type { Join } from './metrics.js';
import type { SharedWatch, SharedWatchParts } from './shared-watch.js';
import { type WatchRequest, type WatchToShare, watchToShare } from './watch-to-share.js';
import { Watcher } from './watcher.js';

/** What the shared watches of a cluster need. */
export interface TripParts extends SharedWatchParts {
  readonly source: ReviewingCluster;
}

/** The watches that a client may share. */
interface Shared {
  isUnsharable(request: WatchToShare): boolean;
  find(request: WatchToShare, version: string, columns?: Buffer): SharedWatch | undefined;
}

/** Is told what happens to the watch of a client. */
export type ClientObserver = CallObserver & { readonly trace?: Pick<RequestTrace, 'joins'> | undefined };

/** Who wants a watch, and gets its response. */
interface Client extends StreamClient {
  readonly request: WatchRequest;
  readonly observer: ClientObserver;
  /** The sink for the answer of a shared watch, if its own request switches protocols. */
  readonly upgraded: ResponseSink | undefined;
}

/** Finds the watch for one client: a shared one, or one of its own. */
export class SharingTrip implements RoundTrip {
  readonly #shared: Shared;
  readonly #parts: TripParts;
  readonly #client: Client;
  /** The watcher that waits at a shared watch or gets its events, or else the client's own round trip. */
  #trip: RoundTrip | undefined;
  /** The watcher that waits for a shared watch, for a client that has a stream of its own. */
  #next: Watcher | undefined;
  /** Whether a client that has a stream of its own waits for a shared watch, or for an answer about its right. */
  #isWaiting = false;
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
    const { source, rights } = this.#parts;
    const request = watchToShare(this.#client.request, await source.access(), source);
    if (this.#isAborted) return;
    if (request === undefined) this.#goAlone();
    else if (this.#shared.isUnsharable(request)) this.#goAlone('own');
    else if (request.version === undefined && this.#client.upgraded !== undefined) this.#goAlone('own');
    else if (request.version === undefined) this.#beginWithObjects(request);
    else if (
      request.api !== undefined &&
      !(await rights.isCertain(request.question, this.#client.observer.phases))
    )
      this.#goAlone('refused');
    else if (!this.#isAborted) await this.#share(request, request.version);
  }

  async #share(request: WatchToShare, version: string): Promise<void> {
    const { rights } = this.#parts;
    const watch = this.#shared.find(request, version);
    if (watch === undefined) {
      this.#goAlone('own');
      return;
    }
    const wasOpen = watch.isOpen;
    const how = !wasOpen && watch.size === 0 ? 'opened' : 'ring';
    const watcher = this.#enter(watch, request);
    this.#trip = watcher;
    let refusal: Join | undefined = wasOpen ? undefined : await watcher.opened().then(() => undefined, toOwn);
    // While others waited for the API server's answer, their right may have ended.
    const isAsked = refusal === undefined && !this.#isAborted && (wasOpen || request.api !== undefined);
    const { question } = request.api === undefined ? watch : request;
    if (isAsked && !(await rights.isCertain(question, this.#client.observer.phases))) refusal = 'refused';
    // The watch may have been lost, and have continued, while the API server was asked.
    if (!watch.isUnbrokenSince(version)) refusal ??= 'own';
    if (this.#isAborted) return;
    if (refusal === undefined && this.#begin(watcher, watch)) this.#parts.observer.joined(how);
    else {
      watcher.abort();
      this.#goAlone(refusal ?? 'own');
    }
  }

  #enter(watch: SharedWatch, request: WatchToShare): Watcher {
    const { rights } = this.#parts;
    const { isStillValid: isKnown } = this.#client.request;
    const { api, question } = request;
    const isStillValid = api === undefined ? isKnown : () => rights.check(question, isKnown);
    const { sink, upgraded = sink } = this.#client;
    return new Watcher(watch, request, { sink: upgraded, isStillValid }, this.#parts);
  }

  #begin(watcher: Watcher, { upstream: { sentWith, traceIds } }: SharedWatch): boolean {
    const { observer } = this.#client;
    if (sentWith !== undefined) observer.sent?.(this.#asOwn(sentWith));
    observer.trace?.joins(traceIds);
    return watcher.begin();
  }

  /** What this client's request would have been sent with: the clients of a watch may differ in the ID of their credential. */
  #asOwn(sent: SentRequest): SentRequest {
    const { impersonation } = this.#client.request.own;
    return typeof impersonation === 'object' ? new SentRequest(sent.host, impersonation) : sent;
  }

  /** The client gets all objects by a stream of its own, and changes from a shared watch. If anything is in the way of that, it stays. */
  #beginWithObjects(request: WatchToShare): void {
    const { rights, observer } = this.#parts;
    const stream: InitialStream = new InitialStream(this.#parts, this.#client, {
      answered: since => {
        observer.joined(since === undefined ? 'own' : 'initial');
        if (since !== undefined) rights.proven(request.question, since);
      },
      reached: version => this.#reached(stream, request, version),
      over: () => this.#next?.abort(),
    });
    this.#trip = stream;
    stream.start();
  }

  /**
   * The client of a stream has had all events up to this version. Returns whether it has moved.
   *
   * @param isSure Whether it was just asked if the client may.
   */
  #reached(stream: InitialStream, request: WatchToShare, version: string, isSure = false): boolean {
    if (this.#isWaiting) return false;
    const mayMove = isSure || this.#mayMove(request);
    if (mayMove !== true) return this.#wait(stream, request, mayMove);
    const watch = this.#shared.find(request, version, stream.columns);
    if (watch === undefined) return false;
    const watcher = this.#enter(watch, request);
    // The one that has waited keeps its watch open until here.
    this.#next?.abort();
    this.#next = undefined;
    if (watch.isOpen) return this.#move(stream, watch, watcher, version);
    this.#next = watcher;
    const isOpen = watcher.opened().then(() => !watcher.isOver && this.#mayMove(request));
    return this.#wait(stream, request, isOpen);
  }

  /** Whether the client's credential is still valid, and its user may watch. Throws nothing: a promise may reject if nobody says it. */
  #mayMove({ question }: WatchToShare): boolean | Promise<boolean> {
    try {
      return this.#parts.rights.check(question, this.#client.request.isStillValid);
    } catch {
      return false;
    }
  }

  /** Lets the client move after a yes, now or, if it is in the middle of an event, later. */
  #wait(stream: InitialStream, request: WatchToShare, mayMove: boolean | Promise<boolean>): false {
    this.#isWaiting = true;
    const done = (isSure: boolean) => {
      this.#isWaiting = false;
      if (!isSure) stream.stay();
      const { version } = stream;
      if (version !== undefined) this.#reached(stream, request, version, isSure);
      if (!isSure) this.#next?.abort();
    };
    Promise.resolve(mayMove).then(done, () => done(false));
    return false;
  }

  #move(stream: InitialStream, watch: SharedWatch, watcher: Watcher, version: string): boolean {
    const isSame = watch.upstream.contentType === stream.contentType && watch.mayHaveColumns(stream.columns);
    if (!isSame || !watch.serves(version) || !watcher.canContinue(version)) {
      watcher.abort();
      return false;
    }
    watch.upstream.expectColumns(stream.columns);
    const body = stream.leave();
    const { age, isPaused } = stream;
    this.#trip = watcher;
    this.#client.observer.trace?.joins(watch.upstream.traceIds);
    this.#parts.observer.moved();
    watcher.continue({ age, isPaused, body });
    return true;
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
    this.#next?.abort();
  }
}

/** If a watch cannot be shared, each client opens its own. Any other error goes to all clients. */
function toOwn(error: Error): Join {
  if (error instanceof UnsharableError) return 'own';
  throw error;
}
