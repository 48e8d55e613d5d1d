import { fieldValue, removeFields } from '../../http/header-fields.js';
import { isObject, type JsonObject, parseObject } from '../../lib/json.js';
import type { Route } from '../../proxy/route.js';
import { requestQuestion } from '../../proxy/stream-questions.js';
import type { OpenRequest } from '../../request/context.js';
import type { Attributes } from '../../reviews/attributes.js';
import type { BodySink, ClientSink } from '../../transport/round-trip.js';
import type { UpstreamRequest } from '../../transport/upstream-request.js';
import { type HeldAnswer, HoldingTrip, type TripParts } from '../common/holding-trip.js';
import type { Objection, Objections } from '../common/objections.js';

/**
 * Takes the SelfSubjectAccessReviews of callers, so that `kubectl auth can-i` says what would happen: a yes of the API server becomes a no if
 * something stands against it. Where that can be, the answer is JSON, whatever the client prefers, which every client of Kubernetes reads.
 */
export function createAccessReviewRoute(objections: Objections): Route {
  const route: Route = {
    take(request, own, sink, onward) {
      const { impersonation: as } = own;
      if (as === undefined || as === 'configured' || !isAccessReview(request)) return undefined;
      return new ReviewTrip({ request, own, as, sink, onward, route }, objections).start();
    },
  };
  return route;
}

function isAccessReview({ head, path: { info } }: OpenRequest): boolean {
  const { apiGroup, resource, subresource, verb } = info;
  const isOf = apiGroup === 'authorization.k8s.io' && resource === 'selfsubjectaccessreviews';
  return isOf && subresource === '' && verb === 'create' && head.method === 'POST';
}

class ReviewTrip extends HoldingTrip<ClientSink> {
  readonly #objections: Objections;

  constructor(parts: TripParts<ClientSink>, objections: Objections) {
    super(parts);
    this.#objections = objections;
  }

  start(): this {
    const { request, own, route, onward, sink } = this.parts as TripParts<ClientSink>;
    this.#objections.areThere(request.cluster, request.endpoint.identity).then(
      areThere => {
        if (this.isOver) return;
        this.use(areThere ? onward.sendAfter(route, inJson(own), this) : onward.sendAfter(route, own, sink));
      },
      (error: Error) => this.error(error),
    );
    return this;
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    return this.holdSuccess(statusCode, statusMessage, headers);
  }

  protected decide(held: HeldAnswer): void {
    const review = isJson(held) ? parseObject(held.whole.toString('utf8')) : undefined;
    const attributes = review && permittedBy(review);
    const { request } = this.parts as TripParts<ClientSink>;
    if (attributes === undefined) this.give(held);
    else
      this.#objections.to({ ...requestQuestion(request), attributes }).then(
        objection => this.give(held, objection && refused(review as JsonObject, objection)),
        (error: Error) => this.error(error),
      );
  }
}

function inJson(own: UpstreamRequest): UpstreamRequest {
  const headers = [...own.headers];
  for (const name of ['accept', 'accept-encoding']) removeFields(headers, name);
  return { ...own, headers: [...headers, 'Accept', 'application/json'] };
}

function isJson({ headers, isCompressed }: HeldAnswer): boolean {
  return !isCompressed && /^application\/json\b/i.test(fieldValue(headers, 'content-type') ?? '');
}

/** What a review lets its user do; undefined for a no, and for what is no such review. */
function permittedBy({ spec, status }: JsonObject): Attributes | undefined {
  if (!isObject(status) || status['allowed'] !== true || !isObject(spec)) return undefined;
  return attributesOfSpec(spec);
}

/** What the spec of a review asks about, as the API server asks its authorizers; undefined if it asks about nothing. */
function attributesOfSpec(spec: JsonObject): Attributes | undefined {
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
  if (isObject(resource)) {
    const attributes: Record<string, unknown> = { version: '*' };
    for (const name of ['verb', 'group', 'version', 'resource', 'subresource', 'namespace', 'name'])
      if (typeof resource[name] === 'string' && resource[name] !== '') attributes[name] = resource[name];
    for (const name of ['fieldSelector', 'labelSelector']) {
      const selector = resource[name];
      const raw = isObject(selector) ? selector['rawSelector'] : undefined;
      if (typeof raw === 'string' && raw !== '') attributes[name] = { rawSelector: raw };
    }
    return { resourceAttributes: attributes };
  }
  if (!isObject(path)) return undefined;
  return { nonResourceAttributes: { path: String(path['path'] ?? ''), verb: String(path['verb'] ?? '') } };
}

function refused(review: JsonObject, { message, error }: Objection): Buffer {
  const status = {
    ...{ allowed: false, denied: true, reason: message },
    ...(error !== undefined && { evaluationError: error }),
  };
  return Buffer.from(`${JSON.stringify({ ...review, status })}\n`);
}
