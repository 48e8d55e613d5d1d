import type { TLSSocket } from 'node:tls';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { copyOf } from '../../lib/copy-of.js';
import type { Phase, PhaseObserver } from '../../lib/phases.js';
import type { RecordedRequest, Recording, RequestTrace, TraceIds } from '../../observability/recorder.js';
import { microTime } from '../common/micro-time.js';
import { type About, failureOf, mostCharacters, withErrorType } from './about.js';
import type { Attributes, SpanPlace, Spans } from './spans.js';
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

/** A phase that becomes a span. */
interface Wait {
  readonly name: Phase;
  readonly spanId: string;
  readonly from: number;
  readonly to: number;
  readonly error: unknown;
  readonly links: readonly SpanPlace[];
}

/** What is kept of a request until its spans are made. */
interface Kept {
  readonly startedAt: number;
  readonly notes: Attributes;
  waits: Wait[];
  /** Links to the requests whose answer is also that of this one. */
  joined: SpanPlace[];
  /** The request to the API server, from its connection to the last byte of the answer so far; undefined before it. */
  upstream: { readonly from: number; to: number; error: unknown } | undefined;
  readonly upstreamAttributes: Attributes;
  /** When a long-running answer began. */
  openSince: number | undefined;
}

/**
 * One request as spans: the server's, what it waited for, and the client's for the request to the API server. They are made when the head of
 * a long-running answer has been sent, or else when the request has ended; a stream is one more span at its end. Until then only times are
 * kept, and of a request that is not sampled not even those.
 */
export class RequestSpans implements Recording, RequestTrace, PhaseObserver {
  readonly #tracing: Tracing;
  readonly #about: () => About;
  /** Undefined for a request of the proxy's own. */
  readonly #request: RecordedRequest | undefined;
  /** What the client says of its own trace. */
  readonly #client: TraceContext | undefined;
  /** Undefined until the caller is known, or nobody asks any more. */
  #own: TraceContext | undefined;
  /** Whether the client's span is the parent. */
  #isChild = false;
  readonly #upstreamId: string;
  /** Undefined for a request that is not sampled. */
  readonly #kept: Kept | undefined;

  /** @param request Undefined for a request of the proxy's own, which is in a trace of its own. */
  constructor(tracing: Tracing, about: () => About, request?: RecordedRequest) {
    this.#tracing = tracing;
    this.#about = about;
    this.#request = request;
    this.#client = request && readTraceContext(request.raw.rawHeaders);
    const parent = tracing.isLocal ? this.#client : undefined;
    const isSampled = parent?.isSampled ?? Math.random() * 1e6 < tracing.rate;
    this.#upstreamId = tracing.spans.newSpanId();
    if (!isSampled) return;
    this.#kept = {
      startedAt: performance.now(),
      notes: {},
      waits: [],
      joined: [],
      upstream: undefined,
      upstreamAttributes: {},
      openSince: undefined,
    };
  }

  get trace(): RequestTrace {
    return this;
  }

  get ids(): TraceIds | undefined {
    if (this.#kept === undefined) return undefined;
    const { traceId: trace, spanId: span } = this.#place();
    return { trace, span };
  }

  get fields(): readonly string[] {
    return traceFields(this.#place(), this.#upstreamId);
  }

  get phases(): PhaseObserver | undefined {
    return this.#kept && this;
  }

  get shared(): { begin(): RequestSpans } {
    const { attributes, ...about } = this.#about();
    const tracing = this.#tracing;
    return { begin: () => new RequestSpans(tracing, () => ({ ...about, attributes: { ...attributes } })) };
  }

  joins(shared: TraceIds | undefined): void {
    if (shared !== undefined) this.#kept?.joined.push({ traceId: shared.trace, spanId: shared.span });
  }

  /** Its place. The first call must come when the caller is known, if it ever is: only some callers continue their own trace here. */
  #place(): TraceContext {
    if (this.#own !== undefined) return this.#own;
    const { isLocal, spans } = this.#tracing;
    const client = this.#client;
    const groups = this.#request?.caller?.groups ?? [];
    const isSampled = this.#kept !== undefined;
    this.#isChild = client !== undefined && (isLocal || groups.some(group => monitoring.has(group)));
    this.#own = {
      traceId: this.#isChild ? (client as TraceContext).traceId : spans.newTraceId(),
      // Nobody asks for that of a request that is not sampled.
      spanId: isSampled ? spans.newSpanId() : this.#upstreamId,
      isSampled,
      state: this.#isChild ? client?.state : undefined,
    };
    return this.#own;
  }

  phase(name: Phase, from: number, to: number, error?: unknown, shared?: object): void {
    const kept = this.#kept;
    if (kept === undefined || kept.openSince !== undefined) return;
    if (name === 'dial' || name === 'head' || name === 'body') {
      kept.upstream ??= { from, to, error };
      kept.upstream.to = to;
      kept.upstream.error = error;
    }
    if (name === 'head' || name === 'body' || kept.waits.length >= mostWaits) return;
    const spanId = this.#tracing.spans.newSpanId();
    const links: SpanPlace[] = [];
    if (shared !== undefined) {
      const { owners } = this.#tracing;
      const owner = owners.get(shared);
      if (owner !== undefined) links.push(owner);
      else owners.set(shared, { traceId: this.#place().traceId, spanId });
    }
    kept.waits.push({ name, spanId, from, to, error, links });
  }

  received(): void {}

  sentAs(_user: UserInfo | undefined, host: string): void {
    if (this.#kept === undefined) return;
    const [, name, port] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(host) ?? [];
    if (name === undefined) return;
    this.#kept.upstreamAttributes['server.address'] = name;
    this.#kept.upstreamAttributes['server.port'] = Number(port);
  }

  answered(code: number, auditId: string | undefined): void {
    if (this.#kept === undefined) return;
    this.#kept.upstreamAttributes['http.response.status_code'] = code;
    if (auditId !== undefined) this.#kept.notes['audit-id'] = copyOf(auditId, mostCharacters);
  }

  annotate(key: string, value: string): void {
    const kept = this.#kept;
    if (kept === undefined) return;
    const attribute = notes.get(key);
    if (attribute !== undefined) kept.notes[attribute] = value;
  }

  started(code: number): void {
    const kept = this.#kept;
    if (kept === undefined) return;
    const now = performance.now();
    this.#add(kept, code, undefined, now);
    kept.openSince = now;
    kept.waits = [];
    kept.joined = [];
  }

  completed(code: number, failure: Error | undefined): void {
    const kept = this.#kept;
    if (kept === undefined) return;
    const now = performance.now();
    if (kept.openSince === undefined) this.#add(kept, code, failure, now);
    else this.#addStream(kept, kept.openSince, code, failure, now);
  }

  #add(kept: Kept, code: number, failure: Error | undefined, now: number): void {
    const { spans, namesUsers } = this.#tracing;
    const { traceId, spanId } = this.#place();
    const client = this.#client;
    const about = this.#about();
    const error = failureOf(code, failure);
    const attributes = this.#attributes(kept, about, code, error);
    const user = namesUsers ? this.#request?.caller?.username : undefined;
    if (user !== undefined) attributes['user.name'] = copyOf(user, 8 * mostCharacters);
    spans.add({
      traceId,
      spanId,
      parentId: this.#isChild ? client?.spanId : undefined,
      name: about.name,
      kind: this.#kind,
      from: microTime(kept.startedAt),
      to: microTime(now),
      attributes,
      links: client === undefined || this.#isChild ? kept.joined : [client, ...kept.joined],
      hasFailed: error !== undefined,
    });
    for (const { name, spanId: ofWait, from, to, error, links } of kept.waits) {
      spans.add({
        traceId,
        spanId: ofWait,
        parentId: name === 'dial' ? this.#upstreamId : spanId,
        name,
        kind: 'internal',
        from: microTime(from),
        to: microTime(to),
        attributes: withErrorType({}, error),
        links,
        hasFailed: error !== undefined,
      });
    }
    if (kept.upstream === undefined) return;
    const { from, to, error: ofCall } = kept.upstream;
    kept.upstreamAttributes['http.request.method'] = about.method;
    spans.add({
      traceId,
      spanId: this.#upstreamId,
      parentId: spanId,
      name: about.name,
      kind: 'client',
      from: microTime(from),
      to: microTime(to),
      attributes: withErrorType(kept.upstreamAttributes, ofCall),
      links: [],
      hasFailed: ofCall !== undefined,
    });
  }

  /** A stream that was open after its head: a trace of its own, because it may end days later. */
  #addStream(kept: Kept, since: number, code: number, failure: Error | undefined, now: number): void {
    const { spans } = this.#tracing;
    const about = this.#about();
    const error = failureOf(code, failure);
    spans.add({
      traceId: spans.newTraceId(),
      spanId: spans.newSpanId(),
      parentId: undefined,
      name: `${about.name} stream`,
      kind: this.#kind,
      from: microTime(since),
      to: microTime(now),
      attributes: this.#attributes(kept, about, code, error),
      links: [this.#place(), ...kept.joined],
      hasFailed: error !== undefined,
    });
  }

  get #kind(): 'server' | 'internal' {
    return this.#request === undefined ? 'internal' : 'server';
  }

  #attributes({ notes }: Kept, { attributes }: About, code: number, error: unknown): Attributes {
    for (const key in notes) attributes[key] = notes[key] as string;
    withErrorType(attributes, error);
    if (code !== 0) attributes['http.response.status_code'] = code;
    if (this.#request !== undefined) attributes['url.scheme'] = schemeOf(this.#request);
    return attributes;
  }
}

function schemeOf({ raw }: RecordedRequest): 'http' | 'https' {
  return (raw.socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http';
}
