import type { Question } from '../../reviews/reviews.js';
import { ReplacedError } from '../../transport/access.js';
import type { RoundTrip } from '../../transport/round-trip.js';
import { UpstreamCall } from '../../transport/upstream-call.js';
import { LostError, RefusedError, UnsharableError } from './ending.js';
import { InitialStream } from './initial-stream.js';
import type { Join } from './metrics.js';
import { mostRefusals, Resumption } from './resumption.js';
import type { SharedWatch } from './shared-watch.js';
import { type Client, type OnLost, type Shared, SharingClient, type TripParts } from './sharing-client.js';
import { senderKey, type WatchToShare } from './watch-to-share.js';
import type { Watcher } from './watcher.js';

/** Finds the watch for one client: a shared one, or one of its own. */
export class SharingTrip implements RoundTrip {
  readonly #client: SharingClient;
  /** The watcher that waits at a shared watch or gets its events, or the way to the next one, or else the client's own round trip. */
  #trip: RoundTrip | undefined;
  /** The watcher that waits for a shared watch, for a client that has a stream of its own. */
  #next: Watcher | undefined;
  /** Whether a client that has a stream of its own waits for a shared watch, or for an answer about its right. */
  #isWaiting = false;
  #isAborted = false;

  constructor(shared: Shared, parts: TripParts, asked: Client) {
    this.#client = new SharingClient(shared, parts, asked);
  }

  start(): this {
    this.#choose().catch((error: Error) => this.#fail(error));
    return this;
  }

  async #choose(): Promise<void> {
    // Each call waits, if only for a microtask: a response that began before `send` returned could not be paused.
    const request = await this.#client.request();
    if (this.#isAborted) return;
    if (request === undefined) this.#goAlone();
    else if (this.#client.shared.isUnsharable(request)) this.#goAlone('own');
    else if (request.version === undefined && this.#client.asked.upgraded !== undefined) this.#goAlone('own');
    else if (request.version === undefined) this.#beginWithObjects(request);
    else if (request.api !== undefined && !(await this.#isCertain(request.question)))
      this.#goAlone('refused');
    else if (!this.#isAborted) await this.#share(request, request.version);
  }

  /** @param refusals How often the API server has refused those as whom a watch was sent. */
  async #share(request: WatchToShare, version: string, refusals = 0): Promise<void> {
    const { observer } = this.#client.parts;
    const watch = this.#client.shared.find(request, version);
    if (watch === undefined) {
      this.#goAlone('own');
      return;
    }
    const wasOpen = watch.isOpen;
    const how = !wasOpen && watch.size === 0 ? 'opened' : 'ring';
    const watcher = this.#client.enter(watch, request, this.#onLost);
    this.#trip = watcher;
    if (!wasOpen) {
      const error = await watcher.opened().then(() => undefined, asIs);
      if (this.#isAborted) return;
      if (error !== undefined) {
        watcher.abort();
        const isOfOther =
          error instanceof RefusedError && error.isOfUser && error.user !== senderKey(request.sender);
        if (isOfOther && refusals + 1 < mostRefusals) await this.#share(request, version, refusals + 1);
        // If a watch cannot be shared, each client opens its own. Any other error goes to all clients.
        else if (isAboutSharing(error)) this.#goAlone('own');
        else throw error;
        return;
      }
    }
    // While others waited for the API server's answer, their right may have ended.
    const isAsked = wasOpen || request.api !== undefined;
    const { question } = request.api === undefined ? watch : request;
    const isCertain = !isAsked || (await this.#isCertain(question));
    const isLocal = !wasOpen || (await (request.api?.isLocal() ?? true));
    if (this.#isAborted) return;
    if (isCertain && isLocal && this.#client.begin(watcher, watch)) observer.joined(how);
    else {
      watcher.abort();
      this.#goAlone(isCertain ? 'own' : 'refused');
    }
  }

  /** Whether its user may watch. Also false if nobody says it. */
  async #isCertain(question: Question): Promise<boolean> {
    const { asked, parts } = this.#client;
    try {
      return await parts.rights.mayWatch(question, asked.observer.phases);
    } catch {
      return false;
    }
  }

  readonly #onLost: OnLost = (watch, error, before) => {
    this.#trip = new Resumption(this.#client, watch, error, before, {
      onLost: this.#onLost,
      moved: watcher => {
        this.#trip = watcher;
      },
    });
  };

  /** The client gets all objects by a stream of its own, and changes from a shared watch. If anything is in the way of that, it stays. */
  #beginWithObjects(request: WatchToShare): void {
    const { rights, observer } = this.#client.parts;
    const stream: InitialStream = new InitialStream(this.#client.parts, this.#client.asked, {
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
    const watch = this.#client.shared.find(request, version, stream.columns);
    if (watch === undefined) return false;
    const watcher = this.#client.enter(watch, request, this.#onLost);
    // The one that has waited keeps its watch open until here.
    this.#next?.abort();
    this.#next = undefined;
    if (watch.isOpen) return this.#move(stream, watch, watcher, version);
    this.#next = watcher;
    const isOpen = watcher.opened().then(() => !watcher.isOver && this.#mayMove(request));
    return this.#wait(stream, request, isOpen);
  }

  /** Whether the client's credential is still valid, its user may watch, and the API server serves the API itself. Throws nothing: a promise may reject if nobody says it. */
  #mayMove({ question, api }: WatchToShare): boolean | Promise<boolean> {
    const { parts, asked } = this.#client;
    const isLocal = () => api?.isLocal() ?? true;
    try {
      const mayWatch = parts.rights.check(question, asked.request.isStillValid);
      if (mayWatch instanceof Promise) return mayWatch.then(may => may && isLocal());
      return mayWatch && isLocal();
    } catch {
      return false;
    }
  }

  /** Lets the client move after a yes: now, or at its next bookmark if more than the last one has come meanwhile. */
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
    return this.#client.move(watcher, watch, { from: stream, version }, () => {
      const body = stream.leave();
      const { age, isPaused } = stream;
      this.#trip = watcher;
      this.#client.parts.observer.moved();
      return { age, isPaused, body };
    });
  }

  /** @param join Undefined for a watch that cannot be shared because of its request. */
  #goAlone(join?: Join): void {
    if (join !== undefined) this.#client.parts.observer.joined(join);
    const { source } = this.#client.parts;
    const call = new UpstreamCall(
      source,
      this.#client.asked.request.own,
      this.#client.asked.sink,
      this.#client.asked.observer,
    );
    this.#trip = call;
    if (!this.#isAborted) call.start();
  }

  #fail(error: Error): void {
    const isAborted = this.#isAborted;
    this.abort();
    if (!isAborted) this.#client.asked.sink.error(error);
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

function asIs(error: Error): Error {
  return error;
}

function isAboutSharing(error: Error): boolean {
  return [UnsharableError, RefusedError, ReplacedError, LostError].some(type => error instanceof type);
}
