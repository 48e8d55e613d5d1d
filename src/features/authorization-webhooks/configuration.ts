import type { SubjectAccessReviewSpec } from './review.js';

/** One entry of the file: a webhook that can be asked. It never changes: another version of the file has other entries. */
export interface WebhookConfiguration {
  readonly name: string;
  /** Milliseconds, as all times here. */
  readonly authorizedTtl: number;
  readonly unauthorizedTtl: number;
  readonly cacheAuthorized: boolean;
  readonly cacheUnauthorized: boolean;
  readonly timeout: number;
  readonly failurePolicy: 'NoOpinion' | 'Deny';
  readonly server: WebhookServer;
  readonly matchConditions: readonly MatchCondition[];
}

/** A condition that must be true for the webhook to be asked. */
export interface MatchCondition {
  readonly expression: string;
  /** Throws an EvaluationError. */
  matches(spec: SubjectAccessReviewSpec): boolean;
}

/** The code of an error: there is an answer, but it is no strict HTTP/1.1, or has more than 16 MB. */
export const unreadableAnswer = 'UNREADABLE_ANSWER';

/** The server of a webhook, as its kubeconfig says. */
export interface WebhookServer {
  /** For messages. */
  readonly url: string;
  /**
   * Posts a body of JSON, and resolves to any complete answer; redirects are not followed. Rejects with the error of the connection or of the
   * credential; if there is no answer within this number of milliseconds (with the code `ETIMEDOUT`), if it is unreadable (with that code), and if the signal aborts.
   */
  post(body: string, options: PostOptions): Promise<WebhookAnswer>;
}

/** How long a post may take. */
interface PostOptions {
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/** An answer of a webhook's server. */
export interface WebhookAnswer {
  readonly status: number;
  /** Of the fields of the same name; without one they are empty, or undefined. */
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly retryAfter?: string | undefined;
  readonly text: string;
}
