import type { UpstreamConnection } from './dispatcher.js';
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
export function get(upstream: Upstream, path: string, request: OwnRequest): Promise<OwnAnswer> {
  return askAs(upstream, { ...request, path });
}

/** A review of the proxy's own (TokenReview and its kind), which the API server answers and does not keep; as `get`. */
export function postReview(
  upstream: Upstream,
  path: string,
  {
    timeout,
    ...review
  }: OwnRequest & { readonly apiVersion: string; readonly kind: string; readonly spec: object },
): Promise<OwnAnswer> {
  return askAs(upstream, { path, timeout, body: JSON.stringify(review) });
}

async function askAs(upstream: Upstream, question: Question): Promise<OwnAnswer> {
  const session = await sessionWithin(upstream, question.timeout);
  const answer = await ask(session, question);
  const next = answer.status === 401 ? await upstream.refused(session) : undefined;
  return next === undefined ? answer : ask(next, question);
}

/** A connection that has been idle may be gone already; what these requests ask for may be asked twice. */
async function ask(session: UpstreamSession, question: Question): Promise<OwnAnswer> {
  const connection = session.dispatcher.acquire();
  try {
    return await exchange(connection, session, question);
  } catch (error) {
    const isStale = connection.reused && (error as Error).name !== 'TimeoutError';
    if (!isStale) throw toUpstreamError(named(error as Error), session.host);
  }
  return exchange(session.dispatcher.connect(), session, question).catch(error => {
    throw toUpstreamError(named(error as Error), session.host);
  });
}

async function exchange(
  connection: UpstreamConnection,
  { dispatcher, credential, host, serverPath, impersonation }: UpstreamSession,
  { path, body: sent, accept = 'application/json', timeout }: Question,
): Promise<OwnAnswer> {
  try {
    const { statusCode, body } = await connection.client.request({
      path: serverPath + path,
      method: sent === undefined ? 'GET' : 'POST',
      body: sent ?? null,
      headers: [
        ...['Host', host, 'Accept', accept, 'User-Agent', 'kube-api-proxy'],
        ...(sent === undefined ? [] : ['Content-Type', 'application/json']),
        ...(credential.authorization === undefined ? [] : ['Authorization', credential.authorization]),
        ...impersonation,
      ],
      signal: AbortSignal.timeout(timeout),
    });
    const text = await readText(body);
    dispatcher.release(connection);
    return { status: statusCode, text };
  } catch (error) {
    dispatcher.discard(connection);
    throw error;
  }
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** AbortSignal.timeout's DOMException has a number for a code; what it means is a timeout. */
function named(error: Error): Error {
  return error.name === 'TimeoutError'
    ? Object.assign(new Error(error.message), { code: 'ETIMEDOUT' })
    : error;
}
