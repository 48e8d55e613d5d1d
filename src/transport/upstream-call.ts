import { hasField } from '../http/header-fields.js';
import { type PhaseObserver, timed } from '../lib/phases.js';
import type { Access, AccessSource } from './access.js';
import { CallPhases } from './call-phases.js';
import { HeldResponse } from './held-response.js';
import { errorInPlaceOf, fairnessField, longestRefusal, mayBeAboutProxy } from './refusal.js';
import type {
  BodySink,
  ConnectionKind,
  Lease,
  OutgoingRequest,
  ResponseSink,
  RoundTrip,
  SwitchedResponse,
} from './round-trip.js';
import { hasExpired, needsHttps, refusedCredential, toUpstreamError } from './upstream-error.js';
import { outgoingRequest, requireAccess, SentRequest, type UpstreamRequest } from './upstream-request.js';

/** Is told what happens to a call. */
export interface CallObserver {
  /** What the response that comes next answers: the request is sent, the first time or with another access, or was sent for others already. */
  readonly sent?: ((sent: SentRequest) => void) | undefined;
  /** The head of the response that counts has come, this number of milliseconds after the request was sent. */
  firstByte?(milliseconds: number): void;
  /** The response that counts is a 401 about the proxy's own credential. */
  unauthorized?(): void;
  /** Is told how long the credential, the connection, the head and the body of the response take; undefined if nobody wants to know. */
  readonly phases?: PhaseObserver | undefined;
  /** The call is over; no other call of the observer follows. */
  ended?(reason: CallEnd): void;
}

/** How a call ended: with a complete response, with an error, given up by its owner, or with another protocol. */
export type CallEnd = 'complete' | 'error' | 'aborted' | 'switched';

/**
 * - `waiting`: for an access.
 * - `sent`: the request waits for its connection, or for the response.
 * - `renewing`: the response is a 401, and another credential is looked for.
 * - `answered`: the sink has the head of the response.
 */
type State = 'waiting' | 'sent' | 'renewing' | 'answered' | 'over';

/**
 * One request to the API server, until it is over. It waits for an access, sends the request, and passes the response to its sink.
 *
 * If the connection was reused and had ended unnoticed, or does not take so large a head, a repeatable request is sent once more on a new
 * connection, as by net/http's Transport. After the first 401 about the proxy's credential, the request is sent once more with another credential, if there is one. A
 * rejected request has changed nothing, whatever its method is; but the body of a client's request cannot be sent again. The access of each
 * attempt must meet the conditions of the request.
 *
 * A failed connection becomes an UpstreamError. The sink gets all errors.
 */
export class UpstreamCall implements RoundTrip, ResponseSink {
  readonly #source: AccessSource;
  readonly #request: UpstreamRequest;
  readonly #sink: ResponseSink;
  readonly #observer: CallObserver;
  state: State = 'waiting';
  #access: Access | undefined;
  #outgoing: OutgoingRequest | undefined;
  /** The connection of the current attempt; undefined before there is one, and after its response. */
  #lease: Lease | undefined;
  #held: HeldResponse | undefined;
  #mayRepeat = false;
  #mayRenew: boolean;
  #sentAt = 0;
  readonly #phases: CallPhases | undefined;
  /** The milliseconds from then to the head of the response. */
  #waited = 0;

  constructor(
    source: AccessSource,
    request: UpstreamRequest,
    sink: ResponseSink,
    observer: CallObserver = {},
  ) {
    this.#source = source;
    this.#request = request;
    this.#sink = sink;
    this.#observer = observer;
    this.#phases = observer.phases && new CallPhases(observer.phases);
    this.#mayRenew = !request.bringsAuthorization;
  }

  /** Begins. The sink gets the response later; an error may come during this call. */
  start(): this {
    try {
      const access = this.#source.current ?? this.#source.access();
      if (access instanceof Promise) {
        const waited = timed(this.#observer.phases, 'credential', access, access);
        waited.then(late => this.#send(late)).catch(this.#onThrow);
      } else this.#send(access);
    } catch (error) {
      this.#onThrow(error as Error);
    }
    return this;
  }

  pause(): void {
    this.#lease?.pause();
  }

  resume(): void {
    this.#lease?.resume();
  }

  abort(): void {
    if (this.state !== 'over') this.#end('aborted');
  }

  /** Ends the call in any state, and its sink with this error. */
  fail(error: Error): void {
    if (this.state === 'over') return;
    this.#phases?.end(error);
    this.#end('error');
    this.#sink.error(error);
  }

  readonly #onThrow = (error: Error): void => this.fail(error);

  #send(access: Access): void {
    if (this.state === 'over') return;
    requireAccess(this.#request, access);
    const outgoing = outgoingRequest(this.#request, access);
    this.#access = access;
    this.#outgoing = outgoing;
    this.#mayRepeat = this.#request.isRepeatable;
    this.#observer.sent?.(new SentRequest(access.host, outgoing.headers));
    this.#sentAt = performance.now();
    this.state = 'sent';
    this.#sendOver(this.#request.connection);
  }

  #sendOver(kind: ConnectionKind): void {
    const lease = (this.#access as Access).pool.lease(kind);
    if (lease instanceof Promise) {
      this.#phases?.begin('dial');
      lease.then(this.#sendOn, (error: Error) => {
        this.#phases?.end(error, error);
        this.error(error);
      });
    } else this.#sendOn(lease);
  }

  readonly #sendOn = (lease: Lease): void => {
    if (this.state === 'over') {
      lease.abort();
      return;
    }
    this.#lease = lease;
    this.#phases?.begin(lease.isDialling ? 'dial' : 'head', lease.connection);
    lease.send(this.#outgoing as OutgoingRequest, this);
  };

  opened(): void {
    this.#phases?.begin('head');
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    this.#phases?.begin('body');
    this.#waited = performance.now() - this.#sentAt;
    this.#mayRepeat = false;
    if (statusCode === 401 && this.#mayRenew) {
      this.#mayRenew = false;
      // Another credential is looked for even if this request cannot be sent again, because the next request needs it.
      const renewal = this.#source.refused(this.#access as Access);
      if (this.#request.body === undefined || this.#request.isRepeatable) {
        this.state = 'renewing';
        this.#lease?.pause();
        const waited = timed(this.#observer.phases, 'credential', renewal, renewal);
        return this.#hold(new HeldResponse(statusCode, statusMessage, headers), waited);
      }
    }
    if (statusCode === 403 && mayBeAboutProxy(headers, this.#request)) {
      const refusal = new HeldResponse(statusCode, statusMessage, headers);
      const error = refusal.text(longestRefusal).then(text => errorInPlaceOf(text, this.#request));
      return this.#hold(refusal, error);
    }
    return this.#deliver(statusCode, statusMessage, headers);
  }

  /** Holds a response until it is known whether the request is sent again, with another access, or ends with an error in its place. */
  #hold(response: HeldResponse, decision: Promise<Access | Error | undefined>): HeldResponse {
    this.#held = response;
    decision.then(instead => this.#decide(response, instead)).catch(this.#onThrow);
    return response;
  }

  #decide(response: HeldResponse, instead: Access | Error | undefined): void {
    if (this.state === 'over') return;
    this.#held = undefined;
    if (instead instanceof Error) this.fail(instead);
    else if (instead === undefined) this.#release(response);
    else {
      this.#drop();
      this.#send(instead);
    }
  }

  /** The response counts. */
  #release(response: HeldResponse): void {
    const { statusCode, statusMessage, headers } = response;
    try {
      response.releaseTo(this.#deliver(statusCode, statusMessage, headers));
    } catch (error) {
      throw toUpstreamError(error as Error, (this.#access as Access).host);
    }
    const { ending } = response;
    if (ending === undefined) this.#lease?.resume();
    else if (ending instanceof Error) this.error(ending);
    else this.end();
  }

  /** Gives the sink the head, or throws the error that it gets instead. The sink gets the body directly, which saves 4 % of a watch event. */
  #deliver(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    this.#observer.firstByte?.(this.#waited);
    const { credential, host } = this.#access as Access;
    if (statusCode === 401 && !this.#request.bringsAuthorization) {
      this.#observer.unauthorized?.();
      const isReplaced = this.#request.hidesRefusal || hasExpired(credential);
      if (isReplaced && !hasField(headers, fairnessField)) throw refusedCredential(credential);
    }
    // A server of TLS that got plain HTTP. Go's WebSockets have no fields in their refusals either.
    if (statusCode === 400 && headers.length === 0 && this.#request.connection !== 'upgrade')
      throw needsHttps(host);
    this.state = 'answered';
    // A watch stays in this state for long.
    this.#outgoing = undefined;
    return this.#sink.head(statusCode, statusMessage, headers);
  }

  /** The connection has switched protocols: from now on its socket belongs to the sink. */
  switched(response: SwitchedResponse): BodySink | undefined {
    this.#observer.firstByte?.(performance.now() - this.#sentAt);
    this.#lease = undefined;
    this.#end('switched');
    return this.#sink.switched?.(response);
  }

  end(): void {
    this.#lease = undefined;
    if (this.#held !== undefined) this.#held.end('whole');
    else if (this.state !== 'over') {
      this.#end('complete');
      this.#sink.end();
    }
  }

  error(error: Error): void {
    const isStale = this.#lease?.isStale === true;
    this.#lease = undefined;
    if (this.#held !== undefined) this.#held.end(error);
    else if (isStale && this.#mayRepeat) {
      this.#mayRepeat = false;
      this.#sendOver('new');
    } else {
      const { host, credential } = this.#access as Access;
      this.fail(toUpstreamError(error, host, credential));
    }
  }

  #end(reason: CallEnd): void {
    this.state = 'over';
    this.#phases?.end(reason === 'aborted' ? reason : undefined);
    this.#held = undefined;
    this.#drop();
    this.#observer.ended?.(reason);
  }

  #drop(): void {
    const lease = this.#lease;
    this.#lease = undefined;
    lease?.abort();
  }
}
