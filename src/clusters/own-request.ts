import { codedError } from '../lib/coded-error.js';
import { Deferred } from '../lib/deferred.js';
import type { BorrowedBytes } from '../transport/borrowed-bytes.js';
import type { BodySink, OutgoingBody, ResponseSink, RoundTrip } from '../transport/round-trip.js';
import { toUpstreamError } from '../transport/upstream-error.js';
import type { Cluster } from './cluster.js';
import type { Session } from './endpoint.js';
import { sessionWithin } from './session-within.js';

/** The answer to one of the proxy's own requests. */
export interface OwnAnswer {
  readonly status: number;
  readonly text: string;
}

/** Maximum bytes of an answer. The discovery document of a cluster with hundreds of custom resources has a few MB. */
const maxBytes = 32 * 1024 * 1024;
const tooLate = codedError('ETIMEDOUT', 'no answer in time');

/** The options of a request: the format of the answer, the time limit, and the user. */
export interface OwnRequest {
  readonly accept?: string;
  /** Impersonate-* fields of the user who asks: name, value, …; by default those of the session. */
  readonly as?: readonly string[] | undefined;
  /** Whether the request may be sent with this session; by default any session may be used. If not, the request fails. */
  readonly isFor?: ((session: Session) => boolean) | undefined;
  /** Milliseconds for the credential, and again from the first byte sent to the last byte received. */
  readonly timeout: number;
}

interface Question extends OwnRequest {
  readonly path: string;
  /** The JSON body of a POST; undefined for a GET. */
  readonly body?: string;
}

/**
 * Sends a GET as the configured identity. A 401 renews the credential, as it does for a client's request, so that a proxy without traffic
 * recovers too. Rejects with an UpstreamError if there is no complete answer in time, and with a CredentialError if there is no credential.
 */
export function get(cluster: Cluster, path: string, request: OwnRequest): Promise<OwnAnswer> {
  return askAs(cluster, { ...request, path });
}

/** A review, such as TokenReview: the API server answers it but does not store it. */
interface Review extends OwnRequest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec?: object;
}

/** Posts a review. Otherwise like `get`. */
export function postReview(cluster: Cluster, review: Review): Promise<OwnAnswer> {
  return askAs(cluster, questionOf(review));
}

/** Posts a review with the credential of this session and no other: a 401 is the answer. Otherwise like `get`. */
export function postReviewWith(session: Session, review: Review): Promise<OwnAnswer> {
  return ask(session, questionOf(review));
}

function questionOf({ timeout, as, isFor, ...review }: Review): Question {
  const path = `/apis/${review.apiVersion}/${review.kind.toLowerCase()}s`;
  return { path, timeout, as, isFor, body: JSON.stringify(review) };
}

async function askAs(cluster: Cluster, question: Question): Promise<OwnAnswer> {
  const session = await sessionWithin(cluster, question.timeout);
  const answer = await ask(session, question);
  const next = answer.status === 401 ? await cluster.refused(session) : undefined;
  return next === undefined ? answer : ask(next, question);
}

async function ask(session: Session, question: Question): Promise<OwnAnswer> {
  const { credential, host, serverPath, impersonation, roundTripper } = session;
  const { path, body, accept = 'application/json', timeout, as = impersonation, isFor } = question;
  if (isFor?.(session) === false) throw new Error('the API server or the user has changed');
  const headers = ['Host', host, 'Accept', accept, 'User-Agent', 'kube-api-proxy', ...as];
  if (credential.authorization !== undefined) headers.push('Authorization', credential.authorization);
  if (body !== undefined) {
    headers.push('Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(body)));
  }
  const request = {
    method: body === undefined ? 'GET' : 'POST',
    path: serverPath + path,
    headers,
    body: body === undefined ? undefined : textBody(body),
    // A GET, and a review, may be sent twice.
    isRepeatable: true,
  };
  const answer = new AnswerInMemory();
  const timer = setTimeout(() => answer.error(tooLate), timeout);
  let trip: RoundTrip | undefined;
  try {
    trip = roundTripper.send(request, answer);
    return await answer.whole;
  } catch (error) {
    trip?.abort();
    throw toUpstreamError(error as Error, host);
  } finally {
    clearTimeout(timer);
  }
}

function textBody(text: string): OutgoingBody {
  return {
    start(socket, onEnd) {
      socket.write(text);
      onEnd();
    },
    stop() {},
  };
}

/** Collects a complete answer in memory. */
class AnswerInMemory implements ResponseSink, BodySink {
  readonly #whole = new Deferred<OwnAnswer>();
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #status = 0;

  get whole(): Promise<OwnAnswer> {
    return this.#whole.promise;
  }

  head(statusCode: number): BodySink {
    this.#status = statusCode;
    return this;
  }

  data(chunk: BorrowedBytes): void {
    this.#length += chunk.length;
    if (this.#length > maxBytes) throw new Error('the answer is too large');
    this.#chunks.push(chunk.copy());
  }

  idle(): void {}

  end(): void {
    this.#whole.resolve({ status: this.#status, text: Buffer.concat(this.#chunks).toString('utf8') });
  }

  error(error: Error): void {
    this.#whole.reject(error);
  }
}
