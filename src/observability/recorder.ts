import type { IncomingMessage } from 'node:http';
import type { RequestInfo } from '../kubernetes/request-info.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { PhaseObserver } from '../lib/phases.js';

/** Records requests in a form of its own, besides metrics and the log. */
export interface Recorder {
  /**
   * A request has come. Its last call will be `completed`.
   *
   * @param longRunning Whether it is a watch, a followed log or an upgrade.
   */
  begin(request: RecordedRequest, info: RequestInfo, longRunning: boolean): Recording;
}

/** What is recorded of a request. The caller may become known later. */
export interface RecordedRequest {
  readonly raw: IncomingMessage;
  /** The target as the client sent it. */
  readonly path: { readonly received: { readonly raw: string } };
  readonly caller: UserInfo | undefined;
  /** From a trusted proxy; undefined if the peer is the client. */
  readonly clientAddress?: string | undefined;
}

/** One request of a recorder. */
export interface Recording {
  /** The API server gets it as Audit-ID, and so do clients with an error of the proxy's own. At most one recorder has one. */
  readonly auditId?: string;
  /** The place of the request in a trace. At most one recorder has one. */
  readonly trace?: RequestTrace | undefined;
  /** The guards have let the request pass, so that the caller is known, if there is one. */
  received(): void;
  /** The request was sent to the API server at this host, as this user; undefined without impersonation. */
  sentAs(user: UserInfo | undefined, host: string): void;
  /** The API server has answered, with this status code and Audit-Id. */
  answered?(code: number, auditId: string | undefined): void;
  annotate(key: string, value: string): void;
  /** The head of a long-running request's answer was sent, or its connection was switched to another protocol. */
  started(code: number): void;
  /** The request has ended; code 0 means that there was no answer. */
  completed(code: number, failure: Error | undefined): void;
}

/** A request in a trace (W3C Trace Context). */
export interface RequestTrace {
  /** What the log and other records have of it; undefined if nobody can look it up, because it is not sampled. */
  readonly ids: TraceIds | undefined;
  /** The fields for the API server, in place of the client's own: name, value, …. */
  readonly fields: readonly string[];
  /** Is told the phases of the request; undefined if it is not sampled. */
  readonly phases: PhaseObserver | undefined;
  /** For requests of the proxy's own whose answer others get too. It keeps nothing of this request. */
  readonly shared: SharedTraces;
  /** The answer is also that of another request, which others share. */
  joins(shared: TraceIds | undefined): void;
}

/** Names a span. */
export interface TraceIds {
  readonly trace: string;
  readonly span: string;
}

/** Begins traces, each of which belongs to no client. */
export interface SharedTraces {
  /** A request of the proxy's own begins. Its last call will be `completed`. */
  begin(): Recording & { readonly trace: RequestTrace };
}
