import type { ApiRequest } from './requests.js';

/** An answer that is no success, or none at all (`code` 0). */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }

  /** Whether the request is worth another try later: nobody answered, or something is overloaded or away. */
  get isPassing(): boolean {
    return this.code === 0 || this.code === 429 || this.code >= 500;
  }
}

/** Stands for the proxy's own paths, which are of no cluster. */
export const proxyItself = '/-';

/** Sends requests to the proxy that the page came from, as its reader. */
export class Client {
  /** Where the proxy is: origin and path, without a final slash. */
  readonly base: string;
  /** The reader's tokens by the paths of clusters, or of the proxy itself. They are nowhere but here and in `Authorization`. */
  readonly tokens = new Map<string, string>();
  /** Whether a token of the proxy itself counts in all clusters; it does not before the proxy has said so. */
  sharesTokens = false;
  /** Path of the cluster of `/`. */
  root = '';
  /** Called for each 401 with the path of the cluster, or of the proxy itself: the token is missing or no longer good. */
  onUnauthorized: (prefix: string) => void = () => {};

  constructor(base: string) {
    this.base = base;
  }

  /**
   * The token for a cluster; undefined where none is needed or known. The cluster of `/` knows the same readers as the proxy itself. Another one gets
   * their token only where that is shown to no API server, for a link to it may come from anyone.
   */
  tokenFor(prefix: string): string | undefined {
    const isShared = this.sharesTokens || prefix === this.root;
    return this.tokens.get(prefix) ?? (isShared ? this.tokens.get(proxyItself) : undefined);
  }

  /** The answer to a request, its body not read yet. Rejects with an ApiError for all but a success. */
  send({ method, prefix, apiPath, accept, body }: ApiRequest, signal?: AbortSignal): Promise<Response> {
    return this.#fetch(prefix, apiPath, {
      method,
      headers: { Accept: accept, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
      ...(body !== undefined && { body }),
      ...(signal !== undefined && { signal }),
    });
  }

  async json<T>(request: ApiRequest, signal?: AbortSignal): Promise<T> {
    const response = await this.send(request, signal);
    return (await response.json()) as T;
  }

  /** What the proxy says of its clusters. */
  async clusters<T>(): Promise<T> {
    const response = await this.#fetch(proxyItself, '/clusters', { headers: { Accept: 'application/json' } });
    return (await response.json()) as T;
  }

  async #fetch(
    prefix: string,
    path: string,
    init: RequestInit & { headers: Record<string, string> },
  ): Promise<Response> {
    const token = this.tokenFor(prefix);
    const headers = { ...init.headers, ...(token !== undefined && { Authorization: `Bearer ${token}` }) };
    let response: Response;
    try {
      response = await fetch(this.base + prefix + path, {
        ...init,
        headers,
        // The API server stores nothing for browsers, and what it sends elsewhere is not followed with a token.
        ...{ cache: 'no-store', redirect: 'error', referrerPolicy: 'no-referrer' },
      });
    } catch (error) {
      if ((error as Error).name === 'AbortError') throw error;
      throw new ApiError(0, 'the proxy does not answer');
    }
    if (response.ok) return response;
    if (response.status === 401 && token === this.tokenFor(prefix)) this.onUnauthorized(prefix);
    throw await errorOf(response);
  }
}

/** The message of the API server's Status, else the first line of the text. */
async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  let message = text.split('\n', 1)[0]?.slice(0, 300) ?? '';
  try {
    const status = JSON.parse(text) as { readonly message?: unknown };
    if (typeof status.message === 'string' && status.message !== '') message = status.message;
  } catch {
    // It is no JSON.
  }
  return new ApiError(response.status, message || response.statusText || `HTTP ${response.status}`);
}

/** What went wrong, for a reader. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof ApiError && error.code !== 0 ? `${error.code}: ${error.message}` : error.message;
}
