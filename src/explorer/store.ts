import { ApiError, Client, messageOf } from './api/client.js';
import { type Cluster, type ClustersAnswer, clustersOf } from './api/clusters.js';
import type { ApiIndex } from './api/discovery.js';
import { type Place, parseFragment } from './api/fragment.js';
import { page } from './api/page.js';
import { readDiscovery } from './api/read-discovery.js';
import { ApiRequest } from './api/requests.js';

/** Something that is read once. */
export type Loaded<T> =
  | { readonly kind: 'loading'; readonly problem?: string }
  | { readonly kind: 'ready'; readonly value: T }
  | { readonly kind: 'failed'; readonly problem: string };

/** Whether the proxy lets the reader in. */
type Session =
  | { readonly kind: 'checking' | 'open' }
  /** It wants a token. */
  | { readonly kind: 'closed'; readonly problem: string };

/** Who the API server takes the reader for. */
interface User {
  readonly username?: string;
  readonly groups?: readonly string[];
}

/** All that views draw from. */
export interface State {
  readonly session: Session;
  readonly place: Place;
  readonly clusters: readonly Cluster[];
  /** The one that is looked at. */
  readonly cluster: Cluster | undefined;
  readonly index: Loaded<ApiIndex>;
  readonly user: Loaded<User>;
}

const loading = { kind: 'loading' } as const;
const tokenKey = 'kube-api-proxy-token';
/** Milliseconds between two questions how the clusters are. */
const refreshInterval = 15_000;
/** Milliseconds before what nobody answered is asked again. */
const retryInterval = 3_000;

/** The one state of the page. */
class Store {
  readonly client: Client;
  state: State = {
    session: { kind: 'checking' },
    place: parseFragment('', []),
    clusters: [],
    cluster: undefined,
    index: loading,
    user: loading,
  };
  readonly #listeners = new Set<() => void>();
  /** Of what is read of the cluster that is looked at. */
  #reading = new AbortController();
  #mayStoreToken = false;

  constructor(client: Client) {
    this.client = client;
    client.onUnauthorized = () => this.#close(client.token === undefined ? '' : 'The token is not accepted.');
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Begins to ask, and to follow the address bar. */
  start(): void {
    // It stays stored only if pages of Pods cannot read it, which the proxy says to those who have a token.
    this.client.token = sessionStorage.getItem(tokenKey) ?? undefined;
    sessionStorage.removeItem(tokenKey);
    addEventListener('hashchange', () => this.#go());
    void this.#open();
  }

  /** Takes a token for this session. */
  signIn(token: string): void {
    // RFC 6750, section 2.1: what else is in it could not be sent.
    if (!/^[\w.~+/-]+=*$/.test(token)) {
      this.#close('No token has such characters.');
      return;
    }
    this.client.token = token;
    void this.#open();
  }

  /** Forgets the token. */
  signOut(): void {
    this.#close('');
  }

  #set(change: Partial<State>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.#listeners) listener();
  }

  #close(problem: string): void {
    this.client.token = undefined;
    sessionStorage.removeItem(tokenKey);
    this.#reading.abort();
    this.#set({
      ...{ session: { kind: 'closed', problem }, clusters: [], cluster: undefined },
      ...{ index: loading, user: loading },
    });
  }

  async #open(): Promise<void> {
    this.#set({ session: { kind: 'checking' } });
    try {
      const answer = await this.client.clusters<ClustersAnswer>();
      this.#mayStoreToken = answer.sandboxesProxiedPages;
      const { token } = this.client;
      if (this.#mayStoreToken && token !== undefined) sessionStorage.setItem(tokenKey, token);
      this.#set({ session: { kind: 'open' }, clusters: clustersOf(answer) });
      this.#go();
      setTimeout(() => void this.#refresh(token), refreshInterval);
    } catch (error) {
      if (error instanceof ApiError && error.code === 401) return;
      this.#set({ index: { kind: 'loading', problem: messageOf(error) } });
      setTimeout(() => void this.#open(), retryInterval);
    }
  }

  /** Asks how the clusters are, again and again, as long as it is the same reader who asks. */
  async #refresh(token: string | undefined): Promise<void> {
    const isSame = () => this.state.session.kind === 'open' && this.client.token === token;
    if (!isSame()) return;
    if (document.visibilityState === 'visible') {
      const answer = await this.client.clusters<ClustersAnswer>().catch(() => undefined);
      if (!isSame()) return;
      if (answer !== undefined) {
        this.#set({ clusters: clustersOf(answer) });
        this.#go();
      }
    }
    setTimeout(() => void this.#refresh(token), refreshInterval);
  }

  /** Goes where the fragment says. */
  #go(): void {
    const { clusters, cluster: before } = this.state;
    const place = parseFragment(
      location.hash,
      clusters.map(({ fragment }) => fragment),
    );
    const cluster = clusters.find(({ fragment }) => fragment === place.cluster);
    const isSame = place.cluster === this.state.place.cluster && place.text === this.state.place.text;
    this.#set({ place: isSame ? this.state.place : place, cluster });
    if (cluster !== undefined && cluster.prefix !== before?.prefix) void this.#look(cluster);
  }

  async #look({ prefix }: Cluster): Promise<void> {
    this.#reading.abort();
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    this.#set({ index: loading, user: loading });
    while (!signal.aborted) {
      try {
        const index = await readDiscovery(this.client, prefix);
        if (signal.aborted) return;
        this.#set({ index: { kind: 'ready', value: index } });
        return await this.#askWho(prefix, index, signal);
      } catch (error) {
        if (signal.aborted) return;
        const problem = messageOf(error);
        if (!(error instanceof ApiError && error.isPassing))
          return this.#set({ index: { kind: 'failed', problem } });
        this.#set({ index: { kind: 'loading', problem } });
        await page.wait(retryInterval, signal).catch(() => {});
      }
    }
  }

  async #askWho(prefix: string, index: ApiIndex, signal: AbortSignal): Promise<void> {
    try {
      const request = ApiRequest.review(prefix, index, 'SelfSubjectReview');
      const { status } = await this.client.json<{ status?: { userInfo?: User } }>(request, signal);
      this.#set({ user: { kind: 'ready', value: status?.userInfo ?? {} } });
    } catch (error) {
      if (!signal.aborted) this.#set({ user: { kind: 'failed', problem: messageOf(error) } });
    }
  }
}

/** Where the proxy is: the page is at `/-/ui/` below it. */
export const store = new Store(new Client(location.origin + location.pathname.replace(/\/-\/ui\/$/, '')));
