import { OwnRefusalError } from '../../clusters/own-request.js';
import { userOfImpersonation } from '../../kubernetes/impersonation.js';
import { StatusError } from '../../kubernetes/status.js';
import { digest } from '../../lib/digest.js';
import type { Onward, Route, RoutedTrip } from '../../proxy/route.js';
import { actingQuestions } from '../../proxy/stream-questions.js';
import type { OpenRequest } from '../../request/context.js';
import { attributesOf } from '../../reviews/attributes.js';
import type { Question } from '../../reviews/reviews.js';
import { ownBytes } from '../../transport/borrowed-bytes.js';
import type {
  BodySink,
  ClientSink,
  ResponseSink,
  RoundTrip,
  SwitchedResponse,
} from '../../transport/round-trip.js';
import { SentRequest, type UpstreamRequest } from '../../transport/upstream-request.js';
import { type AskedNamespaces, readAskedNamespaces } from './asked-namespaces.js';
import { type FilteredCluster, mostNamespaces } from './filtered-cluster.js';
import { HeldRefusal } from './held-refusal.js';
import { OwnNamespaces } from './own-namespaces.js';
import type { Viewer } from './viewer.js';

/** How the filtered answer goes to its client. */
export interface Answering {
  readonly request: OpenRequest;
  readonly asked: AskedNamespaces;
  readonly own: OwnNamespaces;
  readonly viewer: Viewer;
  readonly filtered: FilteredCluster;
}

/** Begins the filtered answer. Rejects with the error of the answer. */
export type Answer = (answering: Answering) => RoundTrip | Promise<RoundTrip>;

interface TripParts<Sink extends ResponseSink> {
  readonly request: OpenRequest;
  readonly own: UpstreamRequest;
  readonly sink: Sink;
  readonly route: Route;
  readonly onward: Onward<FilteredTrip<Sink>>;
  readonly filtered: FilteredCluster;
  readonly answer: Answer;
}

/**
 * A client's list or watch of namespaces. It is sent as its user first. If the API server refuses that, or has just done so, the client gets
 * the filtered answer in place of the 403.
 */
export class FilteredTrip<Sink extends ResponseSink> implements RoutedTrip, ClientSink {
  readonly #parts: TripParts<Sink>;
  readonly #as: readonly string[];
  readonly #key: string;
  #trip: RoundTrip | undefined;
  #held: HeldRefusal | undefined;
  #isOver = false;
  #isPaused = false;
  questions: readonly Question[] | undefined;

  constructor(parts: TripParts<Sink>, as: readonly string[]) {
    const { request, own } = parts;
    this.#parts = parts;
    this.#as = as;
    const attributes = attributesOf(request.path.info, request.path.forServer.query);
    this.#key = digest([userOfImpersonation(as), attributes, own.judgedFor?.server]);
  }

  start(): this {
    if (this.#parts.filtered.refusals.has(this.#key)) this.#filter();
    else this.#sendAsUser();
    return this;
  }

  get waiting(): number {
    return (this.#parts.sink as Partial<ClientSink>).waiting ?? 0;
  }

  pause(): void {
    this.#isPaused = true;
    this.#trip?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#trip?.resume();
  }

  abort(): void {
    this.#isOver = true;
    this.#trip?.abort();
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    if (statusCode !== 403) return this.#parts.sink.head(statusCode, statusMessage, headers);
    this.#held = new HeldRefusal(statusCode, statusMessage, headers);
    return this.#held;
  }

  end(trailers: string[]): void {
    const held = this.#held;
    if (held === undefined) {
      this.#parts.sink.end(trailers);
      return;
    }
    held.ending = trailers;
    if (!held.isAboutUser) {
      held.giveTo(this.#parts.sink);
      return;
    }
    this.#parts.filtered.refusals.add(this.#key);
    this.#filter();
  }

  error(error: Error): void {
    this.#parts.sink.error(error);
  }

  switched(response: SwitchedResponse): void {
    this.#parts.sink.switched?.(response);
  }

  #sendAsUser(): void {
    const { onward, route, own } = this.#parts;
    this.#use(onward.sendAfter(route, own, this));
  }

  #use(trip: RoundTrip): void {
    this.#trip = trip;
    if (this.#isOver) trip.abort();
    else if (this.#isPaused) trip.pause();
  }

  #filter(): void {
    this.#answer().then(
      trip => {
        if (trip !== undefined) this.#use(trip);
      },
      (error: Error) => {
        if (this.#isOver) return;
        // The gateway may no longer read what it has to.
        if (error instanceof OwnRefusalError && error.status === 403) this.#refuse();
        else if (error instanceof OwnRefusalError) this.#passOn(error);
        else this.#parts.sink.error(error);
      },
    );
  }

  async #answer(): Promise<RoundTrip | undefined> {
    const { request, own, filtered, answer } = this.#parts;
    const { verb } = request.record.info;
    const isWatch = verb === 'watch';
    const canFilter = await filtered.canFilter(isWatch);
    if (this.#isOver) return undefined;
    if (!canFilter) {
      this.#refuse();
      return undefined;
    }
    const asked = readAskedNamespaces(isWatch, request.path.forServer.query, own.headers);
    checkAsked(asked, filtered);
    const { record, cluster } = request;
    // A refusal that is remembered was an answer to the same request of the same user.
    if (this.#held === undefined) record.sent?.(new SentRequest(cluster.host, this.#as));
    record.annotate('kube-api-proxy/filtered', 'namespaces');
    record.isFiltered = true;
    this.questions = isWatch && request.caller !== undefined ? actingQuestions(request) : undefined;
    const viewer = filtered.viewerOf(this.#as);
    return answer({
      request,
      asked,
      viewer,
      filtered,
      own: new OwnNamespaces(cluster, asked, own, filtered.recent),
    });
  }

  /** What the client would get without the filter. */
  #refuse(): void {
    const held = this.#held;
    if (held === undefined) this.#sendAsUser();
    else held.giveTo(this.#parts.sink);
  }

  #passOn({ status, body }: OwnRefusalError): void {
    const { sink } = this.#parts;
    answerJson(sink, status, Buffer.from(body));
  }
}

/** Throws a StatusError for what the filter cannot answer. */
function checkAsked({ accept, continues }: AskedNamespaces, { hasTooMany }: FilteredCluster): void {
  if (hasTooMany) {
    throw new StatusError(
      403,
      `you may not list all namespaces, and this proxy shows only those that you may get in clusters of at most ${mostNamespaces} namespaces`,
    );
  }
  if (accept === undefined) {
    throw new StatusError(
      406,
      'this proxy shows only the namespaces that you may get, and only in JSON: accept application/json',
    );
  }
  if (continues) {
    throw new StatusError(
      410,
      'the list of the namespaces that you may get has no pages, so that none can follow: list again without continue',
    );
  }
}

/** Sends a whole answer in JSON. */
export function answerJson(
  sink: ResponseSink,
  status: number,
  body: Buffer,
  more: readonly string[] = [],
): void {
  const headers = [
    ...['Content-Type', 'application/json', 'Cache-Control', 'no-cache, private'],
    ...['Content-Length', String(body.length), 'Date', new Date().toUTCString(), ...more],
  ];
  try {
    const to = sink.head(status, '', headers);
    if (body.length > 0) {
      to.data(ownBytes(body));
      to.idle();
    }
    sink.end([]);
  } catch (error) {
    sink.error(error as Error);
  }
}
