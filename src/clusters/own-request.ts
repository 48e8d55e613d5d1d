import type { Carrier, ExchangeEvents, OutgoingBody } from '../transport/carrier.js';
import { toUpstreamError } from '../transport/upstream-error.js';
import type { Cluster, Session } from './cluster.js';
import { sessionWithin } from './session-within.js';

/** An answer to a request of the proxy's own. */
export interface OwnAnswer {
  readonly status: number;
  readonly text: string;
}

/** Discovery of a cluster with hundreds of custom resources is a few MB; more than this is not read. */
const maxBytes = 32 * 1024 * 1024;
const tooLate = Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' });

/** What it asks for, and how long it may take. */
interface OwnRequest {
  readonly accept?: string;
  /** Milliseconds for a credential, and again for everything from the first byte sent to the last received. */
  readonly timeout: number;
}

interface Question extends OwnRequest {
  readonly path: string;
  /** JSON of what is posted; undefined for a GET. */
  readonly body?: string;
}

/**
 * A GET of the proxy's own, as the configured identity. A 401 renews the credential as one to a client's request does,
 * so that a proxy without traffic recovers too. Rejects with an UpstreamError when there is no whole answer within the
 * time, with a CredentialError when there is no credential.
 */
export function get(cluster: Cluster, path: string, request: OwnRequest): Promise<OwnAnswer> {
  return askAs(cluster, { ...request, path });
}

/** A review of the proxy's own (TokenReview and its kind), which the API server answers and does not keep; as `get`. */
export function postReview(
  cluster: Cluster,
  path: string,
  {
    timeout,
    ...review
  }: OwnRequest & { readonly apiVersion: string; readonly kind: string; readonly spec: object },
): Promise<OwnAnswer> {
  return askAs(cluster, { path, timeout, body: JSON.stringify(review) });
}

async function askAs(cluster: Cluster, question: Question): Promise<OwnAnswer> {
  const session = await sessionWithin(cluster, question.timeout);
  const answer = await ask(session, question);
  const next = answer.status === 401 ? await cluster.refused(session) : undefined;
  return next === undefined ? answer : ask(next, question);
}

/** A connection that has been idle may be gone already; what these requests ask for may be asked twice. */
async function ask(session: Session, question: Question): Promise<OwnAnswer> {
  const connection = session.dispatcher.acquire();
  try {
    return await exchange(connection, session, question);
  } catch (error) {
    if (!connection.stale || error === tooLate) throw toUpstreamError(error as Error, session.host);
  }
  return exchange(session.dispatcher.connect(), session, question).catch(error => {
    throw toUpstreamError(error as Error, session.host);
  });
}

async function exchange(
  connection: Carrier,
  { credential, host, serverPath, impersonation }: Session,
  { path, body, accept = 'application/json', timeout }: Question,
): Promise<OwnAnswer> {
  const headers = ['Host', host, 'Accept', accept, 'User-Agent', 'kube-api-proxy', ...impersonation];
  if (credential.authorization !== undefined) headers.push('Authorization', credential.authorization);
  if (body !== undefined) {
    headers.push('Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(body)));
  }
  const method = body === undefined ? 'GET' : 'POST';
  const answer = new AnswerInMemory();
  const timer = setTimeout(() => answer.onError(tooLate), timeout);
  try {
    connection.send(
      { method, path: serverPath + path, headers },
      body === undefined ? undefined : textBody(body),
      answer,
    );
    return await answer.whole;
  } catch (error) {
    connection.cancel();
    throw error;
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
