import type { TLSSocket } from 'node:tls';
import type { RequestInfo } from '../../kubernetes/request-info.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import type { Phase } from '../../lib/phases.js';
import type { RecordedRequest, Recording, RequestTrace } from '../../observability/recorder.js';
import { microTime } from '../common/micro-time.js';
import { resourceAttributes, routeOf } from './span-name.js';
import type { SpanPlace, Spans } from './spans.js';
import { readTraceContext, type TraceContext, traceFields } from './trace-context.js';

/** What all requests are traced with. */
export interface Tracing {
  readonly spans: Pick<Spans, 'add' | 'newSpanId' | 'newTraceId'>;
  /** How many of a million requests are sampled, if no parent decides it. */
  readonly rate: number;
  /** Whether a client's trace goes on here, with its decision. */
  readonly isLocal: boolean;
  /** Whether spans have the caller's name. */
  readonly namesUsers: boolean;
  /** What several requests have waited for, and the span of the one that began it. */
  readonly owners: WeakMap<object, SpanPlace>;
}

/** The groups whose traces go on here although callers are authenticated, as at the API server (k8s.io/apiserver, `WithTracing`). */
const monitoring: ReadonlySet<string> = new Set(['system:masters', 'system:monitoring']);
/** The most waits of a request that become spans. */
const mostWaits = 64;

/** What is told of a request and is an attribute of its span. */
const notes: ReadonlyMap<string, string> = new Map([
  ['kube-api-proxy/cluster', 'kube_api_proxy.cluster'],
  ['kube-api-proxy/rejected-by', 'kube_api_proxy.rejected_by'],
  ['kube-api-proxy/denied-by', 'kube_api_proxy.denied_by'],
  ['kube-api-proxy/ended-by', 'kube_api_proxy.ended_by'],
]);

type Attributes = Record<string, string | number>;

/** A phase that becomes a span. */
interface Wait {
  readonly name: Phase;
  readonly spanId: string;
  readonly from: number;
  readonly to: number;
  readonly error: unknown;
  readonly links: readonly SpanPlace[];
}

/** The request to the API server, from its connection to the last byte of the answer so far. */
interface UpstreamTimes {
  readonly from: number;
  to: number;
  error: unknown;
}

/**
 * One request as spans: the server's, what it waited for, and the client's for the request to the API server. They are made when the head of
 * a long-running answer has been sent, or else when the request has ended; a stream is one more span at its end. Until then only times are
 * kept, and of a request that is not sampled not even those.
 */
export class RequestSpans implements Recording, RequestTrace {
  readonly #tracing: Tracing;
  readonly #request: RecordedRequest;
  readonly #info: RequestInfo;
  readonly #startedAt = performance.now();
  /** What the client says of its own trace. */
  readonly #client: TraceContext | undefined;
  readonly #isSampled: boolean;
  /** Undefined until the caller is known, or nobody asks any more. */
  #own: TraceContext | undefined;
  /** Whether the client's span is the parent. */
  #isChild = false;
  readonly #upstreamId: string;
  #waits: Wait[] = [];
  #upstream: UpstreamTimes | undefined;
  readonly #upstreamAttributes: Attributes = {};
  readonly #notes: Attributes = {};
  /** When a long-running answer began. */
  #openSince: number | undefined;

  constructor(request: RecordedRequest, info: RequestInfo, tracing: Tracing) {
    this.#tracing = tracing;
    this.#request = request;
    this.#info = info;
    this.#client = readTraceContext(request.raw.rawHeaders);
    const parent = tracing.isLocal ? this.#client : undefined;
    this.#isSampled = parent?.isSampled ?? Math.random() * 1e6 < tracing.rate;
    this.#upstreamId = tracing.spans.newSpanId();
  }

  get trace(): RequestTrace {
    return this;
  }

  get ids() {
    if (!this.#isSampled) return undefined;
    const { traceId: trace, spanId: span } = this.#place();
    return { trace, span };
  }

  get fields(): readonly string[] {
    return traceFields({ ...this.#place(), spanId: this.#upstreamId });
  }

  /** Its place. The first call must come when the caller is known, if it ever is: only some callers continue their own trace here. */
  #place(): TraceContext {
    if (this.#own !== undefined) return this.#own;
    const { isLocal, spans } = this.#tracing;
    const client = this.#client;
    const groups = this.#request.caller?.groups ?? [];
    this.#isChild = client !== undefined && (isLocal || groups.some(group => monitoring.has(group)));
    this.#own = {
      traceId: this.#isChild ? (client as TraceContext).traceId : spans.newTraceId(),
      spanId: spans.newSpanId(),
      isSampled: this.#isSampled,
      state: this.#isChild ? client?.state : undefined,
    };
    return this.#own;
  }

  phase(name: Phase, from: number, to: number, error?: unknown, shared?: object): void {
    if (!this.#isSampled || this.#openSince !== undefined) return;
    if (name === 'dial' || name === 'head' || name === 'body') {
      this.#upstream ??= { from, to, error };
      this.#upstream.to = to;
      this.#upstream.error = error;
    }
    if (name === 'head' || name === 'body' || this.#waits.length >= mostWaits) return;
    const spanId = this.#tracing.spans.newSpanId();
    const links: SpanPlace[] = [];
    if (shared !== undefined) {
      const { owners } = this.#tracing;
      const owner = owners.get(shared);
      if (owner !== undefined) links.push(owner);
      else owners.set(shared, { traceId: this.#place().traceId, spanId });
    }
    this.#waits.push({ name, spanId, from, to, error, links });
  }

  received(): void {}

  sentAs(_user: UserInfo | undefined, host: string): void {
    if (!this.#isSampled) return;
    const [, name, port] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(host) ?? [];
    if (name === undefined) return;
    this.#upstreamAttributes['server.address'] = name;
    this.#upstreamAttributes['server.port'] = Number(port);
  }

  answered(code: number, auditId: string | undefined): void {
    if (!this.#isSampled) return;
    this.#upstreamAttributes['http.response.status_code'] = code;
    if (auditId !== undefined) this.#notes['audit-id'] = auditId;
  }

  annotate(key: string, value: string): void {
    const attribute = this.#isSampled ? notes.get(key) : undefined;
    if (attribute !== undefined) this.#notes[attribute] = value;
  }

  started(code: number): void {
    const now = performance.now();
    this.#add(code, undefined, now);
    this.#openSince = now;
    this.#waits = [];
  }

  completed(code: number, failure: Error | undefined): void {
    const now = performance.now();
    if (this.#openSince === undefined) this.#add(code, failure, now);
    else this.#addStream(this.#openSince, code, failure, now);
  }

  #add(code: number, failure: Error | undefined, now: number): void {
    if (!this.#isSampled) return;
    const { spans, namesUsers } = this.#tracing;
    const { traceId, spanId } = this.#place();
    const client = this.#client;
    const name = this.#name;
    const user = namesUsers ? this.#request.caller?.username : undefined;
    spans.add({
      ...{ traceId, spanId, name, kind: 'server' },
      parentId: this.#isChild ? client?.spanId : undefined,
      ...span(this.#startedAt, now, failureOf(code, failure)),
      attributes: { ...this.#attributes(code, failure), ...(user !== undefined && { 'user.name': user }) },
      links: client === undefined || this.#isChild ? [] : [client],
    });
    for (const { from, to, error, ...wait } of this.#waits) {
      const parentId = wait.name === 'dial' ? this.#upstreamId : spanId;
      spans.add({ ...{ traceId, parentId, kind: 'internal' }, ...wait, ...span(from, to, error) });
    }
    if (this.#upstream === undefined) return;
    const { from, to, error } = this.#upstream;
    spans.add({
      ...{ traceId, spanId: this.#upstreamId, parentId: spanId, name, kind: 'client', links: [] },
      ...span(from, to, error, {
        ...this.#upstreamAttributes,
        'http.request.method': this.#request.raw.method ?? '',
      }),
    });
  }

  /** A stream that was open after its head: a trace of its own, because it may end days later. */
  #addStream(since: number, code: number, failure: Error | undefined, now: number): void {
    if (!this.#isSampled) return;
    const { spans } = this.#tracing;
    spans.add({
      ...{ traceId: spans.newTraceId(), spanId: spans.newSpanId(), parentId: undefined },
      ...{ name: `${this.#name} stream`, kind: 'server', links: [this.#place()] },
      ...span(since, now, failureOf(code, failure)),
      attributes: this.#attributes(code, failure),
    });
  }

  /** As the API server names its spans. */
  get #name(): string {
    const { method = '' } = this.#request.raw;
    const route = routeOf(this.#info);
    return route === undefined ? method : `${method} ${route}`;
  }

  #attributes(code: number, failure: Error | undefined): Attributes {
    const { raw } = this.#request;
    const route = routeOf(this.#info);
    const error = failureOf(code, failure);
    return {
      'http.request.method': raw.method ?? '',
      'url.scheme': (raw.socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http',
      ...(route !== undefined && { 'http.route': route }),
      ...(code !== 0 && { 'http.response.status_code': code }),
      ...(error !== undefined && { 'error.type': errorType(error) }),
      ...resourceAttributes(this.#info),
      ...this.#notes,
    };
  }
}

/** Times of a span, and whether it has failed. */
function span(from: number, to: number, error: unknown, attributes: Attributes = {}) {
  return {
    ...{ from: microTime(from), to: microTime(to), hasFailed: error !== undefined },
    attributes: error === undefined ? attributes : { ...attributes, 'error.type': errorType(error) },
  };
}

/** Why an answer counts as failed: a client's own mistake does not (OpenTelemetry, "HTTP spans"). */
function failureOf(code: number, failure: Error | undefined): unknown {
  if (code >= 400 && code < 500) return undefined;
  return failure ?? (code === 0 ? 'aborted' : code >= 500 ? String(code) : undefined);
}

/** The reason that log and metrics have too, or else the kind of the error. Nothing of its text. */
function errorType(error: unknown): string {
  if (typeof error === 'string') return error;
  const { reason, code, name } = error as { reason?: unknown; code?: unknown; name?: unknown };
  for (const value of [reason, code, name]) {
    if (typeof value === 'string' || typeof value === 'number') return String(value);
  }
  return '_OTHER';
}
