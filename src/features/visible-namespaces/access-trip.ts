import { fieldValue } from '../../http/header-fields.js';
import { type HeldAnswer, HoldingTrip } from '../../proxy/holding-trip.js';
import type { BodySink, ClientSink } from '../../transport/round-trip.js';
import { type AskedVerb, askedVerb, permitted } from './access-question.js';
import type { FilteringParts } from './filtered-cluster.js';

/** The most bytes of a review that is read. */
const longest = 16 * 1024;
const reason = 'the proxy shows those namespaces that you may get';

/**
 * A SelfSubjectAccessReview of a client. It goes to the API server. If it asks whether its user may list or watch namespaces, and the API
 * server only does not allow it, the answer is yes: the proxy answers such a request. Programs that ask first, such as k9s, go on then.
 */
export class AccessTrip extends HoldingTrip<ClientSink, FilteringParts<ClientSink>> {
  #verb: AskedVerb | undefined;

  start(): this {
    const { own, route, onward, sink } = this.parts as FilteringParts<ClientSink>;
    const send = (body: Buffer | undefined) => {
      if (this.isOver) return;
      const contentType = fieldValue(own.headers, 'content-type') ?? '';
      this.#verb = body && askedVerb(contentType, body);
      this.use(onward.sendAfter(route, own, this.#verb === undefined ? sink : this));
    };
    own.body?.peek?.(longest).then(send, (error: Error) => this.error(error));
    return this;
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    return this.holdSuccess(statusCode, statusMessage, headers);
  }

  protected decide(held: HeldAnswer): void {
    const body = held.isCompressed
      ? undefined
      : permitted(fieldValue(held.headers, 'content-type') ?? '', held.whole, reason);
    const { filtered, as } = this.parts as FilteringParts<ClientSink>;
    if (body === undefined) this.give(held);
    else
      filtered.serves(as, this.#verb as AskedVerb).then(
        serves => this.give(held, serves ? body : undefined),
        () => this.give(held),
      );
  }
}
