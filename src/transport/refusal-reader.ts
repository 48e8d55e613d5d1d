import { hasField } from '../http/header-fields.js';
import { namedUser } from '../kubernetes/impersonation.js';
import { refusedGroup } from '../kubernetes/refused-group.js';
import { type BorrowedBytes, ownBytes } from './borrowed-bytes.js';
import type { BodySink, ResponseSink } from './round-trip.js';
import { toUpstreamError } from './upstream-error.js';

/**
 * A field of the answers to requests that have passed authentication and impersonation: the API server's priority and fairness filter comes
 * later. A 401 with it is that of an aggregated API.
 */
export const fairnessField = 'x-kubernetes-pf-flowschema-uid';

/** Bytes. A longer answer is passed on as it comes. */
const longest = 128 * 1024;

/** The head of a 403, and the request that it answers. */
export interface Refusal {
  readonly statusMessage: string;
  readonly headers: string[];
  /** Impersonate-* fields of the request: name, value, … */
  readonly impersonation: readonly string[] | 'configured' | undefined;
  /** `host:port` of the API server. */
  readonly host: string;
}

/** Whether a 403 may say that the proxy may not impersonate a group. */
export function mayBeAboutGroup({ headers, impersonation }: Refusal): boolean {
  return typeof impersonation === 'object' && !hasField(headers, fairnessField);
}

/**
 * Reads a 403 before its sink gets it. The sink gets a RefusedGroupError in its place if it is about a group of the request's user, and
 * otherwise the answer as it came.
 */
export class RefusalReader implements ResponseSink, BodySink {
  readonly #refusal: Refusal;
  readonly #next: ResponseSink;
  #chunks: Buffer[] = [];
  #length = 0;
  /** The sink for the body, once the answer is passed on. */
  #body: BodySink | undefined;
  /** Whether the sink has had an error, so that it gets nothing more. */
  #isOver = false;

  constructor(refusal: Refusal, next: ResponseSink) {
    this.#refusal = refusal;
    this.#next = next;
  }

  /** The head is known already. */
  head(): BodySink {
    return this;
  }

  data(chunk: BorrowedBytes): void {
    if (this.#body !== undefined) {
      this.#body.data(chunk);
      return;
    }
    this.#chunks.push(Buffer.from(chunk.view()));
    this.#length += chunk.length;
    if (this.#length > longest) this.#release();
  }

  idle(most?: number): void {
    this.#body?.idle(most);
  }

  end(trailers: string[]): void {
    if (this.#body === undefined) {
      const { impersonation } = this.#refusal;
      const groups = typeof impersonation === 'object' ? (namedUser(impersonation)?.groups ?? []) : [];
      const refused = refusedGroup(Buffer.concat(this.#chunks).toString(), groups);
      if (refused === undefined) this.#release();
      else this.#fail(refused);
    }
    if (!this.#isOver) this.#next.end(trailers);
  }

  error(error: Error): void {
    if (this.#body === undefined) this.#release();
    this.#fail(error);
  }

  #fail(error: Error): void {
    if (!this.#isOver) this.#next.error(error);
    this.#isOver = true;
  }

  #release(): void {
    if (this.#isOver) return;
    const { statusMessage, headers, host } = this.#refusal;
    try {
      const body = this.#next.head(403, statusMessage, headers);
      this.#body = body;
      for (const chunk of this.#chunks) body.data(ownBytes(chunk));
      body.idle();
    } catch (error) {
      this.#fail(toUpstreamError(error as Error, host));
    }
    this.#chunks = [];
  }
}
