import { fieldValue, removeFields } from '../../http/header-fields.js';
import type { Onward, Route, RoutedTrip } from '../../proxy/route.js';
import { ownBytes } from '../../transport/borrowed-bytes.js';
import type { BodySink, ClientSink, RoundTrip } from '../../transport/round-trip.js';
import type { UpstreamRequest } from '../../transport/upstream-request.js';
import { WithheldResponse } from '../../transport/withheld-response.js';
import { type AskedVerb, askedVerb, permitted } from './access-question.js';
import type { FilteredCluster } from './filtered-cluster.js';

/** The most bytes of a review that is read. */
const longest = 16 * 1024;
const reason = 'the proxy shows those namespaces that you may get';

interface AccessParts {
  readonly own: UpstreamRequest;
  /** Impersonate-* fields of its user: name, value, … */
  readonly as: readonly string[];
  readonly sink: ClientSink;
  readonly route: Route;
  readonly onward: Onward<ClientSink>;
  readonly filtered: FilteredCluster;
}

/**
 * A SelfSubjectAccessReview of a client. It goes to the API server. If it asks whether its user may list or watch namespaces, and the API
 * server only does not allow it, the answer is yes: the proxy answers such a request. Programs that ask first, such as k9s, go on then.
 */
export class AccessTrip implements RoutedTrip, ClientSink {
  readonly #parts: AccessParts;
  #verb: AskedVerb | undefined;
  #trip: RoundTrip | undefined;
  #held: HeldReview | undefined;
  #isOver = false;

  constructor(parts: AccessParts) {
    this.#parts = parts;
  }

  start(): this {
    const { own, filtered } = this.#parts;
    const send = (body: Buffer | undefined) => {
      if (this.#isOver) return;
      const contentType = fieldValue(own.headers, 'content-type') ?? '';
      this.#verb = body && askedVerb(contentType, body);
      this.#send(this.#verb === undefined ? this.#parts.sink : this);
    };
    // The namespaces may have to be listed first.
    filtered.follow();
    own.body?.peek?.(longest).then(send, (error: Error) => this.#parts.sink.error(error));
    return this;
  }

  #send(sink: ClientSink): void {
    const { own, route, onward } = this.#parts;
    this.#trip = onward.sendAfter(route, own, sink);
  }

  get waiting(): number {
    return this.#parts.sink.waiting;
  }

  pause(): void {
    this.#trip?.pause();
  }

  resume(): void {
    this.#trip?.resume();
  }

  abort(): void {
    this.#isOver = true;
    this.#trip?.abort();
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    if (statusCode !== 200 && statusCode !== 201) {
      return this.#parts.sink.head(statusCode, statusMessage, headers);
    }
    this.#held = new HeldReview(statusCode, statusMessage, headers);
    return this.#held;
  }

  end(trailers: string[]): void {
    const { sink, filtered } = this.#parts;
    const held = this.#held;
    if (held === undefined) {
      sink.end(trailers);
      return;
    }
    const body = held.permitted();
    if (body === undefined) held.give(sink, held.whole, trailers);
    else
      filtered
        .serves(this.#parts.as, this.#verb as AskedVerb)
        .catch(() => false)
        .then(serves => {
          if (!this.#isOver) held.give(sink, serves ? body : held.whole, trailers);
        });
  }

  error(error: Error): void {
    this.#parts.sink.error(error);
  }
}

/** An answer to a review, until all of it has come. */
class HeldReview extends WithheldResponse {
  get whole(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** With a yes; undefined if it cannot have one. */
  permitted(): Buffer | undefined {
    if ((fieldValue(this.headers, 'content-encoding') ?? 'identity') !== 'identity') return undefined;
    return permitted(fieldValue(this.headers, 'content-type') ?? '', this.whole, reason);
  }

  give(sink: ClientSink, body: Buffer, trailers: string[]): void {
    const headers = [...this.headers];
    removeFields(headers, 'content-length');
    headers.push('Content-Length', String(body.length));
    try {
      const to = sink.head(this.statusCode, this.statusMessage, headers);
      if (body.length > 0) {
        to.data(ownBytes(body));
        to.idle();
      }
      sink.end(trailers);
    } catch (error) {
      sink.error(error as Error);
    }
  }
}
