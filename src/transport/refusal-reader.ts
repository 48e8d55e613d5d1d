import { hasField } from '../http/header-fields.js';
import { namedUser } from '../kubernetes/impersonation.js';
import { refusedGroup } from '../kubernetes/refused-group.js';
import type { BorrowedBytes } from './borrowed-bytes.js';
import { HeldResponse } from './held-response.js';
import type { BodySink, ResponseSink } from './round-trip.js';
import { toUpstreamError } from './upstream-error.js';
import type { UpstreamRequest } from './upstream-request.js';

/**
 * A field of the answers to requests that have passed authentication and impersonation: the API server's priority and fairness filter comes
 * later. A 401 with it is that of an aggregated API.
 */
export const fairnessField = 'x-kubernetes-pf-flowschema-uid';

/** Bytes. A longer answer is passed on as it comes. */
const longest = 128 * 1024;

/** What an API server with constrained impersonation says if it names none of the rights of legacy impersonation. YAML breaks long lines. */
const ofConstrained = /\bcannot\s+impersonate(?:-on)?:/;

/** The head of a 403, and the request that it answers. */
export interface Refusal {
  readonly statusMessage: string;
  readonly headers: string[];
  /** Impersonate-* fields of the request: name, value, … */
  readonly impersonation: readonly string[] | 'configured' | undefined;
  /** `host:port` of the API server. */
  readonly host: string;
  readonly missingRight?: UpstreamRequest['missingRight'];
}

/** Whether a 403 may say that the proxy may not impersonate a group. */
export function mayBeAboutGroup({ headers, impersonation }: Refusal): boolean {
  return typeof impersonation === 'object' && !hasField(headers, fairnessField);
}

/**
 * Reads a 403 before its sink gets it. The sink gets a RefusedGroupError in its place if it is about a group of the request's user, the
 * error that names the missing right if that is another one than the answer says, and otherwise the answer as it came.
 */
export class RefusalReader extends HeldResponse implements ResponseSink {
  readonly #refusal: Refusal;
  readonly #next: ResponseSink;
  #length = 0;
  /** Whether the sink has had an error, so that it gets nothing more. */
  #isOver = false;

  constructor(refusal: Refusal, next: ResponseSink) {
    super(403, refusal.statusMessage, refusal.headers);
    this.#refusal = refusal;
    this.#next = next;
  }

  /** The head is known already. */
  head(): BodySink {
    return this;
  }

  override data(chunk: BorrowedBytes): void {
    super.data(chunk);
    this.#length += chunk.length;
    if (this.#length > longest) this.#release();
  }

  end(): void {
    if (this.body !== undefined || this.#isOver) {
      this.#finish(undefined);
      return;
    }
    const { impersonation, missingRight } = this.#refusal;
    const text = Buffer.concat(this.chunks).toString();
    const groups = typeof impersonation === 'object' ? (namedUser(impersonation)?.groups ?? []) : [];
    const refused = refusedGroup(text, groups);
    if (refused === undefined && missingRight !== undefined && ofConstrained.test(text))
      missingRight().then(error => this.#finish(error));
    else this.#finish(refused);
  }

  #finish(refused: Error | undefined): void {
    if (refused === undefined) this.#release();
    else this.#fail(refused);
    if (!this.#isOver) this.#next.end();
  }

  error(error: Error): void {
    this.#release();
    this.#fail(error);
  }

  #fail(error: Error): void {
    if (!this.#isOver) this.#next.error(error);
    this.#isOver = true;
  }

  #release(): void {
    if (this.#isOver || this.body !== undefined) return;
    const { statusCode, statusMessage, headers } = this;
    try {
      this.releaseTo(this.#next.head(statusCode, statusMessage, headers));
    } catch (error) {
      this.#fail(toUpstreamError(error as Error, this.#refusal.host));
    }
  }
}
