import { CredentialError } from '../credentials/credential.js';
import { codedError } from '../lib/connection-failure.js';
import { Deferred } from '../lib/promises.js';
import type { AccessConditions, AccessSource } from '../transport/access.js';
import type { BorrowedBytes } from '../transport/borrowed-bytes.js';
import type { BodySink, OutgoingBody, ResponseSink } from '../transport/round-trip.js';
import { UpstreamCall } from '../transport/upstream-call.js';
import { toUpstreamError } from '../transport/upstream-error.js';

/** The API server has not done what the proxy itself asks for, but refused it or failed. */
export class OwnRefusalError extends Error {
  /** HTTP status code. */
  readonly status: number;
  /** The body of the answer, or its beginning. */
  readonly body: string;

  /** @param what In messages: "a list of PATH". */
  constructor(host: string, what: string, status: number, body: string) {
    super(`the API server at ${host} answers ${status} to ${what}`);
    this.status = status;
    this.body = body;
  }
}

/** The answer to one of the proxy's own requests. */
export interface OwnAnswer {
  readonly status: number;
  /** Name, value, name, value, … */
  readonly headers: readonly string[];
  readonly text: string;
}

/** Maximum bytes of an answer, unless the request says another number. The discovery document of a cluster with hundreds of custom resources has a few MB. */
const maxBytes = 32 * 1024 * 1024;
/** The code of the cause of the UpstreamError for an answer with more bytes. */
export const tooLarge = 'ANSWER_TOO_LARGE';
const tooLate = codedError('ETIMEDOUT', 'no answer in time');

/** The options of a request: the format of the answer, the time limit, the user, and what the access must be like. */
export interface OwnRequest extends AccessConditions {
  readonly accept?: string;
  /** Impersonate-* fields of the user who asks: name, value, …; by default those of the access. */
  readonly as?: readonly string[] | 'configured' | undefined;
  /** Milliseconds for the credential, and again from the first byte sent to the last byte received. */
  readonly timeout: number;
  /** Maximum bytes of the answer. */
  readonly most?: number;
  /** Whether the path of the server's URL comes before the path; true by default. */
  readonly isBelowServerPath?: boolean;
}

/**
 * Sends a GET as the configured identity. A 401 renews the credential, as it does for a client's request, so that a proxy without traffic
 * recovers too. Rejects with an UpstreamError if there is no complete answer in time, and with a CredentialError if there is no credential.
 */
export function get(cluster: AccessSource, path: string, request: OwnRequest): Promise<OwnAnswer> {
  return ask(cluster, path, request);
}

/** A review, such as TokenReview: the API server answers it but does not store it. */
interface Review extends OwnRequest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec?: object;
}

/** Posts JSON, for nothing that changes what is stored: it may be sent twice. Otherwise like `get`. */
export function post(
  server: AccessSource,
  path: string,
  body: string,
  request: OwnRequest,
): Promise<OwnAnswer> {
  return ask(server, path, request, body);
}

/** Posts a review. Otherwise like `get`. */
export function postReview(
  cluster: AccessSource,
  { apiVersion, kind, spec, ...request }: Review,
): Promise<OwnAnswer> {
  const path = `/apis/${apiVersion}/${kind.toLowerCase()}s`;
  return post(cluster, path, JSON.stringify({ apiVersion, kind, spec }), request);
}

function noCredential(timeout: number): CredentialError {
  return new CredentialError(`no credential within ${timeout / 1000} s; still trying`);
}

/** @param body The JSON of a POST; undefined for a GET. */
function ask(source: AccessSource, path: string, question: OwnRequest, body?: string): Promise<OwnAnswer> {
  const { accept = 'application/json', timeout, as = 'configured', most = maxBytes } = question;
  const { user, judgedFor, namesContext, isBelowServerPath = true } = question;
  const headers = ['Accept', accept, 'User-Agent', 'kube-api-proxy'];
  if (body !== undefined) {
    headers.push('Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(body)));
  }
  const request = {
    method: body === undefined ? 'GET' : 'POST',
    target: path,
    isBelowServerPath,
    headers,
    bringsAuthorization: false,
    impersonation: as,
    hidesRefusal: false,
    body: body === undefined ? undefined : textBody(body),
    connection: 'any',
    // A GET, and a review, may be sent twice.
    isRepeatable: true,
    ...{ user, judgedFor, namesContext },
  } as const;
  const answer = new AnswerInMemory(most);
  let timer = setTimeout(() => call.fail(noCredential(timeout)), timeout);
  const late = (host: string) =>
    call.state === 'renewing' ? noCredential(timeout) : toUpstreamError(tooLate, host);
  const call = new UpstreamCall(source, request, answer, {
    sent({ host }) {
      clearTimeout(timer);
      timer = setTimeout(() => call.fail(late(host)), timeout);
    },
  });
  call.start();
  return answer.whole.finally(() => clearTimeout(timer));
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
  readonly whole = this.#whole.promise;
  readonly #chunks: Buffer[] = [];
  readonly #most: number;
  #length = 0;
  #status = 0;
  #headers: readonly string[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  head(statusCode: number, _statusMessage: string, headers: readonly string[]): BodySink {
    this.#status = statusCode;
    this.#headers = headers;
    return this;
  }

  data(chunk: BorrowedBytes): void {
    this.#length += chunk.length;
    if (this.#length > this.#most) throw codedError(tooLarge, 'the answer is too large');
    this.#chunks.push(Buffer.from(chunk.view()));
  }

  idle(): void {}

  end(): void {
    const text = Buffer.concat(this.#chunks).toString('utf8');
    this.#whole.resolve({ status: this.#status, headers: this.#headers, text });
  }

  error(error: Error): void {
    this.#whole.reject(error);
  }
}
