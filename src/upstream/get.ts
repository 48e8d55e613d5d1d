import type { Upstream } from './upstream.js';
import { toUpstreamError } from './upstream-error.js';

/** An answer to a request of the proxy's own. */
export interface OwnAnswer {
  readonly status: number;
  readonly text: string;
}

/** Discovery of a cluster with hundreds of custom resources is a few MB; more than this is not read. */
const maxBytes = 32 * 1024 * 1024;

/**
 * A GET of the proxy's own, as the configured identity. Rejects with an UpstreamError when there is no whole answer
 * within the time.
 *
 * @param timeout Milliseconds for everything from the first byte sent to the last received.
 */
export async function get(
  upstream: Upstream,
  path: string,
  { accept = 'application/json', timeout }: { accept?: string; timeout: number },
): Promise<OwnAnswer> {
  const { dispatcher, credential, host, serverPath, impersonation } = await upstream.session();
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
