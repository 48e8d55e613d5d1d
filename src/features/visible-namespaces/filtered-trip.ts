import { fieldValue, hasField, removeFields } from '../../http/header-fields.js';
import { parseQuery } from '../../kubernetes/query.js';
import { StatusError } from '../../kubernetes/status.js';
import type { Onward } from '../../proxy/route.js';
import { actingQuestions, ownQuestions, requestQuestion } from '../../proxy/stream-questions.js';
import type { OpenRequest } from '../../request/context.js';
import type { Question } from '../../reviews/reviews.js';
import { fairnessField } from '../../transport/refusal.js';
import type { BodySink, ResponseSink, SwitchedResponse } from '../../transport/round-trip.js';
import { UpstreamCall } from '../../transport/upstream-call.js';
import type { UpstreamRequest } from '../../transport/upstream-request.js';
import { type HeldAnswer, HoldingTrip } from '../common/holding-trip.js';
import type { FilteredCluster, FilteringParts } from './filtered-cluster.js';
import type { FilterObserver } from './metrics.js';
import { askedVersion, namedTarget, tooManyNames } from './named-request.js';
import type { Onlooker, Shown, Viewer } from './viewer.js';

/**
 * - `asking`: it was sent as the user.
 * - `choosing`: the API server has refused it, and what the user is shown is looked for.
 * - `sent`: it was sent as the gateway, with the names of these.
 * - `open`: these are being answered.
 */
type State = 'asking' | 'choosing' | 'sent' | 'open' | 'answered';

/** Watches that lack names end within so many milliseconds, so that their clients do not come back all at once. */
const longestDelay = 5_000;

/**
 * A client's list or watch of namespaces. It is sent as its user first. If the API server refuses that, it is sent again as the gateway, with a
 * selector of the names that the user may get.
 */
export class FilteredTrip<Sink extends ResponseSink>
  extends HoldingTrip<Sink, FilteringParts<Sink>>
  implements Onlooker
{
  readonly #filtered: FilteredCluster;
  readonly #isWatch: boolean;
  /** Undefined while it is as its client has sent it. */
  questions: readonly Question[] | undefined;
  readonly #onward: Pick<Onward<unknown>, 'expire'>;
  readonly #observer: Pick<FilterObserver, 'watches'>;
  #state: State = 'asking';
  #viewer: Viewer | undefined;
  /** The version that a watch goes on from; undefined for one that begins with the state. */
  #from: bigint | undefined;
  /** Whether the watch ends as soon as it begins. */
  #isExpired = false;

  constructor(parts: FilteringParts<Sink>, observer: Pick<FilterObserver, 'watches'>) {
    super(parts);
    this.#filtered = parts.filtered;
    this.#onward = parts.onward;
    this.#observer = observer;
    this.#isWatch = parts.request.record.info.verb === 'watch';
  }

  get mayExpire(): boolean {
    return this.#isWatch && this.#state === 'open';
  }

  start(): this {
    const { onward, route, own } = this.parts as FilteringParts<Sink>;
    this.use(onward.sendAfter(route, own, this));
    return this;
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    const { held } = this;
    if (this.#state === 'asking' && statusCode === 403) return this.hold(statusCode, statusMessage, headers);
    if (this.#state === 'sent' && isTooLong(statusCode, headers))
      return this.#answerWith(() => this.sink.error(tooManyNames()));
    // The gateway may no longer read what it has to.
    if (this.#state === 'sent' && statusCode === 403) return this.#answerWith(() => held?.giveTo(this.sink));
    const isExpired = this.#answered(statusCode === 200);
    const body = this.sink.head(statusCode, statusMessage, headers);
    if (isExpired) this.#onward.expire(expired());
    return body;
  }

  switched(response: SwitchedResponse): BodySink | undefined {
    const isExpired = this.#answered(true);
    const body = this.sink.switched?.(response);
    if (isExpired) this.#onward.expire(expired());
    return body;
  }

  protected decide(held: HeldAnswer): void {
    if (isAboutUser(held)) this.#filter();
    else this.#answerWith(() => held.giveTo(this.sink));
  }

  renamed(isLoss: boolean): void {
    if (this.#state === 'sent') {
      this.drop();
      this.#filter();
    } else if (this.mayExpire) {
      const expire = () => this.isOver || this.#onward.expire(expired());
      if (isLoss) expire();
      else this.#filtered.questions.later(Math.random() * longestDelay, expire);
    } else if (this.#state === 'open') {
      this.drop();
      this.error(expired());
    }
  }

  raised(floor: bigint): void {
    if (this.#from === undefined || this.#from >= floor) return;
    if (this.#state === 'open') this.#onward.expire(expired());
    else this.#isExpired = true;
  }

  protected override leave(): void {
    if (this.mayExpire && !this.isOver) this.#observer.watches(-1);
    super.leave();
    this.#viewer?.left(this);
  }

  #filter(): void {
    this.#state = 'choosing';
    this.#choose()
      .then(shown => {
        if (this.isOver) return;
        if (shown === undefined) this.#answerWith(held => held?.giveTo(this.sink));
        else this.#send(shown);
      })
      .catch((error: Error) => this.error(error));
  }

  /** What the user is shown now; undefined if nobody can know that. */
  async #choose(): Promise<Shown | undefined> {
    const { as, request } = this.parts as FilteringParts<Sink>;
    if (!(await this.#filtered.canFilter()) || this.isOver) return undefined;
    this.#viewer?.left(this);
    const viewer = this.#filtered.viewerOf(as);
    this.#viewer = viewer;
    // Before the names are known, so that it hears of each change.
    viewer.open.add(this);
    this.questions = questionsOf(request, viewer);
    return viewer.shown();
  }

  /** Sends it as the gateway. It is not offered to another route, which would read the target of its client. */
  #send({ names, floor }: Shown): void {
    const { request, own } = this.parts as FilteringParts<Sink>;
    const { record } = request;
    const { isPast, version } = askedVersion(this.#isWatch, parseQuery(request.path.forServer.query));
    const isOld = version === undefined ? isPast : version < floor;
    if (isPast && isOld && !this.#isWatch) throw expired();
    this.#isExpired = isPast && isOld;
    this.#from = isPast ? version : undefined;
    // The state is that of now: a version says only how old it may be.
    const without = isOld ? ['resourceVersion', ...(this.#isWatch ? [] : ['resourceVersionMatch'])] : [];
    namedTarget(own.target, names, without);
    const headers = [...own.headers];
    // The ends of its events are read.
    if (this.#isWatch) removeFields(headers, 'accept-encoding');
    const named: UpstreamRequest = {
      ...{ ...own, headers, impersonation: 'configured' },
      // It may be long, and is not kept when it was sent.
      get target() {
        return namedTarget(own.target, names, without);
      },
    };
    record.annotate('kube-api-proxy/filtered', 'namespaces');
    record.isFiltered = true;
    this.#state = 'sent';
    const observer = {
      firstByte: (milliseconds: number) => record.firstByte(milliseconds),
      unauthorized: () => record.unauthorized(),
    };
    this.use(new UpstreamCall(request.cluster, named, this, observer).start());
  }

  /** The answer begins. Returns whether it ends at once. */
  #answered(isSuccess: boolean): boolean {
    const isOpen = this.#state === 'sent' && isSuccess;
    this.#state = isOpen ? 'open' : 'answered';
    if (isOpen && this.#isWatch) this.#observer.watches(1);
    this.parts = undefined;
    this.held = undefined;
    return isOpen && this.#isExpired;
  }

  /** Answers in place of the API server, whose answer is dropped. */
  #answerWith(answer: (held: HeldAnswer | undefined) => void): BodySink {
    const { held } = this;
    this.leave();
    // It may be passing bytes on at this moment.
    setImmediate(() => this.drop());
    answer(held);
    return { data() {}, idle() {} };
  }
}

/** What is asked again about an open request: for all of one user once. If the names are others then, it ends by itself. */
function questionsOf(request: OpenRequest, viewer: Viewer): readonly Question[] {
  const attributes = { resourceAttributes: { verb: 'get', version: 'v1', resource: 'namespaces' } };
  const askAgain = () => viewer.renew(true).then(() => true);
  const question = { ...requestQuestion(request), attributes };
  return [...actingQuestions(request), { ...question, askAgain }, ...ownQuestions(question)];
}

/** The watch shows other names than its user may get now, or wants what is below the floor: its client has to list again. */
function expired(): StatusError {
  return new StatusError(410, 'too old resource version: the namespaces that you may get have changed');
}

/** Something between the gateway and the API server does not take a target of this length. The API server's own 400 is about the client's selector. */
function isTooLong(statusCode: number, headers: readonly string[]): boolean {
  if (statusCode === 400) return fieldValue(headers, 'audit-id') === undefined;
  return statusCode === 414 || statusCode === 431;
}

/** How the API server says that it does not let a user list or watch namespaces, in JSON and in protobuf. */
const aboutNamespaces = /cannot (?:list|watch) resource \\?"namespaces/;

/**
 * Whether the API server does not let the user do it. A 403 may also say that the proxy may not act as the user; that comes before the filter
 * whose fields most API servers send.
 */
function isAboutUser({ headers, whole }: HeldAnswer): boolean {
  return hasField(headers, fairnessField) || aboutNamespaces.test(whole.toString());
}
