import type { ClustersAnswer } from './clusters.js';
import type { ApiRequest } from './requests.js';

/** An answer that is not a success, or no answer (`code` 0). */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }

  /** Whether the request may succeed later: there was no answer, or something is overloaded or unavailable. */
  get isPassing(): boolean {
    return this.code === 0 || this.code === 429 || this.code >= 500;
  }
}

/** Stands for the proxy's own paths, which belong to no cluster. */
export const proxyItself = '/-';

/** A user who signed in at an issuer of OpenID Connect. */
interface SignedIn {
  /** The bearer token, which the proxy itself checks, so that no API server sees it. */
  readonly token: string;
  /** Waits until the token can be used; undefined if it can be used now. Rejects with an ApiError. */
  ready(): Promise<void> | undefined;
  /** Waits for another token, if this one, which the proxy has refused, is the newest. Rejects with an ApiError. */
  replace(token: string): Promise<void>;
}

/** Sends the user's requests to the proxy that served the page. */
export class Client {
  /** The address of the proxy: origin and path, without a final slash. */
  readonly base: string;
  /** The tokens that the user has entered, by the paths of clusters or of the proxy itself. They are only here and in `Authorization`. */
  readonly tokens = new Map<string, string>();
  /** Undefined unless the user signed in at an issuer. */
  session: SignedIn | undefined;
  /** Whether a token for the proxy is valid in all clusters. It is not until the proxy has said so. */
  sharesTokens = false;
  /** Whether other clients need the certificate of the proxy's authority, because their system does not know it. */
  hasOwnAuthority = false;
  /** Path of the cluster of `/`. */
  root = '';
  /** Paths of other clusters to which the proxy shows no token: it asks the cluster of `/` whose a token is. */
  ofRoot: ReadonlySet<string> = new Set();
  /** Called after each 401 with the path of the cluster or of the proxy itself: the token is missing or no longer valid. */
  onUnauthorized: (prefix: string) => void = () => {};

  constructor(base: string) {
    this.base = base;
  }

  /**
   * The token for a cluster; undefined if none is needed or known. The cluster of `/` accepts the same users as the proxy itself. Another
   * cluster gets that token only if the proxy checks it and shows it to no API server, because a link to the cluster may come from anyone.
   */
  tokenFor(prefix: string): string | undefined {
    const isShared = this.sharesTokens || prefix === this.root || this.ofRoot.has(prefix);
    const entered = this.tokens.get(prefix) ?? (isShared ? this.tokens.get(proxyItself) : undefined);
    return entered ?? this.session?.token;
  }

  /** Takes what the proxy says about its clusters. */
  learn({ sharesTokens, hasOwnAuthority, root, clusters }: ClustersAnswer): void {
    this.sharesTokens = sharesTokens;
    this.hasOwnAuthority = hasOwnAuthority;
    this.root = root.path;
    this.ofRoot = new Set(clusters.filter(({ tokensOfRoot }) => tokensOfRoot).map(({ path }) => path));
  }

  /** Whether there is any token. */
  get hasToken(): boolean {
    return this.tokens.size > 0 || this.session !== undefined;
  }

  /** The response to a request, with its body unread. Rejects with an ApiError unless it is a success. */
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

  /** Reads an answer of the proxy itself, below `/-`. */
  async own<T>(path: string, signal?: AbortSignal): Promise<T> {
    const response = await this.#fetch(proxyItself, path, {
      headers: { Accept: 'application/json' },
      ...(signal !== undefined && { signal }),
    });
    return (await response.json()) as T;
  }

  get kubeconfigUrl(): string {
    return `${this.base}${proxyItself}/kubeconfig`;
  }

  /** Reads the kubeconfig for clients of the proxy. With the user's token, it may contain more contexts. */
  async kubeconfig(): Promise<Blob> {
    return (await this.#fetch(proxyItself, '/kubeconfig', { headers: {} })).blob();
  }

  async #fetch(prefix: string, path: string, init: Init): Promise<Response> {
    let { response, token } = await this.#sendOnce(prefix, path, init);
    if (response.status === 401 && token !== undefined && this.session !== undefined) {
      // The token may have ended on its way, or earlier than it says.
      await this.session.replace(token);
      if (token !== this.tokenFor(prefix)) ({ response, token } = await this.#sendOnce(prefix, path, init));
    }
    if (response.ok) return response;
    if (response.status === 401 && token === this.tokenFor(prefix)) this.onUnauthorized(prefix);
    throw await errorOf(response);
  }

  /** The response, and the token that was sent. */
  async #sendOnce(prefix: string, path: string, init: Init) {
    await this.session?.ready();
    const token = this.tokenFor(prefix);
    const headers = { ...init.headers, ...(token !== undefined && { Authorization: `Bearer ${token}` }) };
    try {
      const response = await fetch(this.base + prefix + path, {
        ...init,
        headers,
        // The API server has nothing for a browser to cache. A redirect is not followed, because the token would go along.
        ...{ cache: 'no-store', redirect: 'error', referrerPolicy: 'no-referrer' },
      });
      return { response, token };
    } catch (error) {
      if ((error as Error).name === 'AbortError') throw error;
      throw new ApiError(0, 'the proxy does not answer');
    }
  }
}

type Init = RequestInit & { readonly headers: Record<string, string> };

/** The message of the API server's Status, or else the first line of the body. */
async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  let message = text.split('\n', 1)[0]?.slice(0, 300) ?? '';
  try {
    const status = JSON.parse(text) as { readonly message?: unknown };
    if (typeof status.message === 'string' && status.message !== '') message = status.message;
  } catch {
    // The body is not JSON.
  }
  return new ApiError(response.status, message || response.statusText || `HTTP ${response.status}`);
}

/** An error in words for the user. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof ApiError && error.code !== 0 ? `${error.code}: ${error.message}` : error.message;
}
