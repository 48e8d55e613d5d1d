import type { Endpoint } from '../clusters/endpoint.js';
import type { ClusterState } from '../clusters/states.js';
import type { Credential } from '../credentials/credential.js';
import type { CredentialSourceName } from '../credentials/credential-source.js';
import type { HealthAnswer } from '../endpoints/health.js';
import type { ContextSummary } from '../kubeconfig/contexts.js';
import type { LoggerOptions } from '../observability/log/logger.js';
import type { Rendered } from '../observability/metrics/exposition.js';
import type { Snapshot } from '../observability/metrics/snapshot.js';
import type { Options } from '../options/table.js';

/**
 * The messages between the primary and its workers. They go over the pipe between them and nowhere else, because some contain secrets. The
 * structured clone algorithm copies them, so buffers, dates and Infinity stay as they are.
 */

/** A credential of a source, with a number by which the primary recognizes it. */
export interface NumberedCredential {
  readonly id: number;
  readonly credential: Credential;
  /** The credential is used until this time: milliseconds since 1970, or Infinity. */
  readonly endsAt: number;
}

/** An endpoint whose credential source is in the primary. */
export interface SharedEndpoint extends Omit<Endpoint, 'source'> {
  readonly source: {
    readonly id: number;
    readonly name: CredentialSourceName;
    /** The source's current credential, if it has one without waiting. */
    readonly current: NumberedCredential | undefined;
  };
}

/** Everything that a worker needs to start. */
export interface Start {
  readonly worker: number;
  readonly options: Options;
  readonly logging: Omit<LoggerOptions, 'shared' | 'fd'>;
  /** The endpoint of `/`. */
  readonly endpoint: SharedEndpoint;
  readonly contexts: readonly ContextSummary[];
}

/** Messages from the primary to a worker. */
export type ToWorker =
  | { readonly type: 'start'; readonly start: Start }
  /** The endpoint of a context, or of `/` for an empty name. */
  | { readonly type: 'endpoint'; readonly cluster: string; readonly endpoint: SharedEndpoint }
  /** The kubeconfig's contexts. */
  | { readonly type: 'contexts'; readonly contexts: readonly ContextSummary[] }
  | { readonly type: 'credential'; readonly source: number; readonly current: NumberedCredential }
  | { readonly type: 'level'; readonly level: string }
  /** Sent together with a socket. */
  | { readonly type: 'connection' }
  | { readonly type: 'drain'; readonly grace: number };

/** Messages from a worker to the primary. */
export type ToPrimary =
  | { readonly type: 'hello' }
  | { readonly type: 'failed'; readonly problems: readonly string[] }
  | { readonly type: 'serving' }
  /** The connection that was sent last has arrived. */
  | { readonly type: 'taken' }
  /** Sent once a second, to show that the worker's event loop turns. */
  | { readonly type: 'alive' }
  /** This many connections have ended. */
  | { readonly type: 'closed'; readonly count: number }
  /** Whole lines for the audit log. */
  | { readonly type: 'audit'; readonly lines: string };

/** Questions of a worker to the primary, and the answers. */
export interface QuestionsToPrimary {
  /** The endpoint of a context. From then on, the worker gets each later one too. */
  endpoint: { question: string; answer: SharedEndpoint };
  /** The credential of the source with this number. The answer may wait for a login. */
  credential: { question: number; answer: NumberedCredential };
  /** The API server refused a credential. The answer comes when there is another one, or when there can be none. */
  refused: { question: { readonly source: number; readonly credential: number }; answer: undefined };
  /** The content of `/-/clusters`. */
  clusters: { question: undefined; answer: readonly ClusterState[] };
  /** The question is the query of a readyz request. */
  readyz: { question: string; answer: HealthAnswer };
  /** The question is the Accept header of a scrape. */
  metrics: { question: string; answer: Rendered };
  /** The answer comes when every message that was sent before has arrived. */
  heard: { question: undefined; answer: undefined };
  discovery: {
    question: { readonly cluster: string; readonly path: string; readonly accept: string };
    answer: { readonly status: number; readonly body: unknown };
  };
}

/** Questions of the primary to a worker, and the answers. */
export interface QuestionsToWorker {
  snapshot: { question: undefined; answer: Snapshot };
}
