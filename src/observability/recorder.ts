import type { IncomingMessage } from 'node:http';
import type { RequestInfo } from '../kubernetes/request-info.js';
import type { UserInfo } from '../kubernetes/user-info.js';

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
  /** The API server gets it as Audit-ID, and so do clients with an error of the proxy's own. */
  readonly auditId: string;
  /** The guards have let the request pass, so that the caller is known, if there is one. */
  received(): void;
  /** The request was sent to the API server as this user; undefined without impersonation. */
  sentAs(user: UserInfo | undefined): void;
  annotate(key: string, value: string): void;
  /** The head of a long-running request's answer was sent, or its connection was switched to another protocol. */
  started(code: number): void;
  /** The request has ended; code 0 means that there was no answer. */
  completed(code: number, failure: Error | undefined): void;
}
