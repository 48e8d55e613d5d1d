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
  const connection = dispatcher.acquire();
  try {
    const { statusCode, body } = await connection.client.request({
      path: serverPath + path,
      method: 'GET',
      headers: [
        ...['Host', host, 'Accept', accept, 'User-Agent', 'kube-api-proxy'],
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
    throw toUpstreamError(named(error as Error), host);
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
