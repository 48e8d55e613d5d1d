import type { ExchangeEvents } from './connection.js';
import { sessionWithin } from './session-within.js';
import type { Upstream, UpstreamSession } from './upstream.js';
import { toUpstreamError } from './upstream-error.js';

/** An answer to a request of the proxy's own. */
export interface OwnAnswer {
  readonly status: number;
  readonly text: string;
}

/** Discovery of a cluster with hundreds of custom resources is a few MB; more than this is not read. */
const maxBytes = 32 * 1024 * 1024;

/** What a GET of the proxy's own asks for, and how long it may take. */
interface OwnRequest {
  readonly accept?: string;
  /** Milliseconds for a credential, and again for everything from the first byte sent to the last received. */
  readonly timeout: number;
}

/**
 * A GET of the proxy's own, as the configured identity. A 401 renews the credential as one to a client's request does,
 * so that a proxy without traffic recovers too. Rejects with an UpstreamError when there is no whole answer within the
 * time, with a CredentialError when there is no credential.
 */
export async function get(upstream: Upstream, path: string, request: OwnRequest): Promise<OwnAnswer> {
  const session = await sessionWithin(upstream, request.timeout);
  const answer = await ask(session, path, request);
  const next = answer.status === 401 ? await upstream.refused(session) : undefined;
  return next === undefined ? answer : ask(next, path, request);
}

async function ask(
  { dispatcher, credential, host, serverPath, impersonation }: UpstreamSession,
  path: string,
  { accept = 'application/json', timeout }: OwnRequest,
): Promise<OwnAnswer> {
  const headers = ['Host', host, 'Accept', accept, 'User-Agent', 'kube-api-proxy', ...impersonation];
  if (credential.authorization !== undefined) headers.push('Authorization', credential.authorization);
  const connection = dispatcher.acquire();
  const timer = setTimeout(() => answer.onError(tooLate()), timeout);
  const answer = new AnswerInMemory();
  try {
    connection.send({ method: 'GET', path: serverPath + path, headers }, undefined, answer);
    return await answer.whole;
  } catch (error) {
    dispatcher.discard(connection);
    throw toUpstreamError(error as Error, host);
  } finally {
    clearTimeout(timer);
  }
}

/** An answer that is collected whole. */
class AnswerInMemory implements ExchangeEvents {
  readonly whole: Promise<OwnAnswer>;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #status = 0;
  #resolve: (answer: OwnAnswer) => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor() {
    this.whole = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  onHead(statusCode: number): void {
    this.#status = statusCode;
  }

  onBody(chunk: Buffer): void {
    this.#length += chunk.length;
    if (this.#length > maxBytes) throw new Error('the answer is too large');
    this.#chunks.push(Buffer.from(chunk));
  }

  onIdle(): void {}

  onEnd(): void {
    this.#resolve({ status: this.#status, text: Buffer.concat(this.#chunks).toString('utf8') });
  }

  onError(error: Error): void {
    this.#reject(error);
  }
}

function tooLate(): Error {
  return Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' });
}
