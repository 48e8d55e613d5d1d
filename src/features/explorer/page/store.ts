import type { SelfSubjectReview } from 'kubernetes-types/authentication/v1.js';
import { browser } from './api/browser.js';
import { ApiError, Client, messageOf, proxyItself } from './api/client.js';
import { type Cluster, type ClustersAnswer, clustersOf } from './api/clusters.js';
import type { ApiIndex } from './api/discovery.js';
import { namespaceAt, parseFragment } from './api/fragment.js';
import { page } from './api/page.js';
import { readDiscovery } from './api/read-discovery.js';
import { ApiRequest } from './api/requests.js';
import { forgetVisits, visit, visitsOf } from './api/visits.js';
import { type Arrival, arrival } from './sign-in/answer.js';
import { IssuerSignIn } from './sign-in/issuer-sign-in.js';
import type { Session, State } from './state.js';

const loading = { kind: 'loading' } as const;
const notAccepted = 'The token is not accepted.';
// Pages of other proxies may be below other paths of this origin.
const tokensKey = `kube-api-proxy-tokens ${browser.location.pathname}`;
/** Milliseconds between two checks of the clusters' states. */
const refreshInterval = 15_000;
/** Milliseconds before a request without an answer is repeated. */
export const retryInterval = 3_000;

/** The one state of the page. */
export class Store {
  readonly client: Client;
  readonly issuerSignIn: IssuerSignIn;
  state: State = {
    session: { kind: 'checking' },
    address: parseFragment('', []),
    clusters: [],
    hasAllClusters: true,
    caller: undefined,
    cluster: undefined,
    namespace: '',
    index: loading,
    user: loading,
  };
  readonly #listeners = new Set<() => void>();
  /** Ends what is being read from the cluster that is shown. */
  #reading = new AbortController();
  /** Ends what is being read for this session. */
  #opening = new AbortController();
  #mayStoreTokens = false;
  /** Why the user could not sign in at an issuer before the page was loaded; empty without a problem. */
  #problem = '';

  constructor(client: Client, arrival: Arrival) {
    this.client = client;
    this.issuerSignIn = new IssuerSignIn(client, arrival, problem => this.#close(problem));
    client.onUnauthorized = prefix => {
      const { cluster, session } = this.state;
      if (session.kind === 'leaving') return;
      if (prefix !== proxyItself && prefix !== cluster?.prefix) return;
      // The cluster of `/` accepts the same users as the proxy itself.
      if (cluster === undefined || cluster.current)
        this.#close(client.hasToken ? notAccepted : this.#problem);
      else if (prefix === proxyItself || (client.session !== undefined && !client.tokens.has(prefix)))
        this.#close(notAccepted);
      else this.#closeCluster(prefix, client.tokens.has(prefix) ? notAccepted : '');
    };
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Begins to read, and to follow the address bar. */
  start(): void {
    // Tokens stay in the storage only if pages of Pods cannot read it. The proxy says that only to a user with a token.
    for (const [prefix, token] of readTokens()) this.client.tokens.set(prefix, token);
    browser.sessionStorage.removeItem(tokensKey);
    browser.addEventListener('hashchange', () => this.#go());
    // A browser that goes back may show a former document with all that it had in memory, although the user signed out in a later one.
    browser.addEventListener('pageshow', ({ persisted }) => {
      if (persisted && (this.client.hasToken || this.state.session.kind === 'leaving')) this.#forget();
    });
    void this.#resume();
  }

  async #resume(): Promise<void> {
    this.#problem = await this.issuerSignIn.resume();
    void this.#open();
  }

  /** Goes to an issuer, so that the user signs in there. */
  async signInAt(issuer: string): Promise<void> {
    this.issuerSignIn.drop();
    const problem = await this.issuerSignIn.begin(issuer);
    const { session } = this.state;
    if (session.kind === 'closed' && problem !== '') this.#set({ session: { ...session, problem } });
  }

  /** Accepts the token that the user has entered. */
  signIn(token: string): void {
    const { session, cluster } = this.state;
    if (session.kind !== 'closed') return;
    // RFC 6750, section 2.1: other characters cannot be sent.
    if (!/^[\w.~+/-]+=*$/.test(token)) {
      this.#set({ session: { ...session, problem: 'The token contains invalid characters.' } });
      return;
    }
    this.issuerSignIn.drop();
    this.client.tokens.set(cluster?.prefix ?? proxyItself, token);
    void this.#open();
  }

  /** Forgets all tokens, and signs out at the issuer too. */
  async signOut(): Promise<void> {
    this.client.tokens.clear();
    forgetVisits();
    const ending = this.issuerSignIn.end();
    this.#leave({ kind: 'leaving' });
    const problem = await ending;
    if (this.state.session.kind === 'leaving') this.#close(problem);
  }

  #forget(): void {
    this.client.tokens.clear();
    this.issuerSignIn.drop();
    this.#close('');
  }

  #set(change: Partial<State>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.#listeners) listener();
  }

  #close(problem: string): void {
    this.#leave({ kind: 'closed', by: 'proxy', problem });
  }

  #leave(session: Session): void {
    this.client.tokens.delete(proxyItself);
    this.issuerSignIn.forget();
    browser.sessionStorage.removeItem(tokensKey);
    this.#opening.abort();
    this.#reading.abort();
    this.#set({
      session,
      clusters: [],
      caller: undefined,
      cluster: undefined,
      index: loading,
      user: loading,
    });
  }

  /** The other tokens may still give the user access. */
  #closeCluster(prefix: string, problem: string): void {
    this.client.tokens.delete(prefix);
    this.#store();
    this.#reading.abort();
    this.#set({ session: { kind: 'closed', by: 'cluster', problem }, index: loading, user: loading });
  }

  #store(): void {
    const { tokens } = this.client;
    if (this.#mayStoreTokens && tokens.size > 0)
      browser.sessionStorage.setItem(tokensKey, JSON.stringify([...tokens]));
    else browser.sessionStorage.removeItem(tokensKey);
  }

  async #open(): Promise<void> {
    this.#opening.abort();
    this.#opening = new AbortController();
    const { signal } = this.#opening;
    this.#set({ session: { kind: 'checking' } });
    try {
      const answer = await this.client.own<ClustersAnswer>('/clusters');
      if (signal.aborted) return;
      this.#mayStoreTokens = answer.sandboxesProxiedPages;
      this.client.learn(answer);
      this.#store();
      this.#set({
        session: { kind: 'open' },
        ...clustersOf(answer),
        caller: answer.caller?.username,
        cluster: undefined,
      });
      this.#go();
      setTimeout(() => void this.#refresh(signal), refreshInterval);
    } catch (error) {
      if (signal.aborted) return;
      this.#set({ index: { kind: 'loading', problem: messageOf(error) } });
      setTimeout(() => {
        if (!signal.aborted) void this.#open();
      }, retryInterval);
    }
  }

  /** Reads the clusters' states repeatedly, as long as the user stays the same. */
  async #refresh(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    if (browser.document.visibilityState === 'visible') await this.#readStates(signal);
    if (signal.aborted) return;
    setTimeout(() => void this.#refresh(signal), refreshInterval);
  }

  async #readStates(signal: AbortSignal): Promise<void> {
    const answer = await this.client.own<ClustersAnswer>('/clusters', signal).catch(() => undefined);
    if (signal.aborted || answer === undefined) return;
    this.client.learn(answer);
    this.#set(clustersOf(answer));
    this.#go();
  }

  /** Reads the cluster that is shown once more. */
  readAgain(): void {
    if (this.state.cluster !== undefined) void this.#show(this.state.cluster);
  }

  /** Shows the view that the fragment names. */
  #go(): void {
    const { clusters, cluster: before } = this.state;
    const beginnings = clusters.flatMap(({ fragment, alias }) => [fragment, alias]);
    const address = parseFragment(browser.location.hash, beginnings);
    const cluster = clusters.find(({ fragment, alias }) => [fragment, alias].includes(address.cluster));
    const isSame = address.cluster === this.state.address.cluster && address.text === this.state.address.text;
    const isOther = cluster !== undefined && cluster.prefix !== before?.prefix;
    const index = isOther || this.state.index.kind !== 'ready' ? undefined : this.state.index.value;
    const namespace = namespaceAt(address, index) ?? (isOther ? '' : this.state.namespace);
    this.#set({ address: isSame ? this.state.address : address, cluster, namespace });
    if (cluster === undefined) this.#leaveCluster();
    else if (isOther) void this.#show(cluster);
    else this.#visit();
  }

  /** No cluster in the list is at this address: it is gone, or the user is not shown it. */
  #leaveCluster(): void {
    const [first] = this.state.clusters;
    this.#reading.abort();
    this.#set({ index: { kind: 'failed', problem: 'no cluster that you are shown is at this address' } });
    // Whoever is not shown the cluster of `/` begins at another one.
    if (first === undefined || !/^#?\/?$/.test(browser.location.hash)) return;
    browser.history.replaceState(null, '', `#${first.fragment}/`);
    this.#go();
  }

  /** Keeps the namespace of the view; a view without one is in the last one that this caller had in this cluster. */
  #visit(): void {
    const { address, index, user, cluster, namespace } = this.state;
    const caller = user.kind === 'ready' ? user.value.username : undefined;
    if (cluster === undefined || caller === undefined || index.kind !== 'ready') return;
    if (namespaceAt(address, index.value) !== undefined) visit(cluster.prefix, caller, namespace);
    else if (namespace === '') this.#set({ namespace: visitsOf(cluster.prefix, caller)[0] ?? '' });
  }

  async #show({ prefix }: Cluster): Promise<void> {
    this.#reading.abort();
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    this.#set({ session: { kind: 'open' }, index: loading, user: loading });
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
        // It may have been unused until now.
        void this.#readStates(signal);
        await page.wait(retryInterval, signal).catch(() => {});
      }
    }
  }

  async #askWho(prefix: string, index: ApiIndex, signal: AbortSignal): Promise<void> {
    try {
      const request = ApiRequest.review(prefix, index, 'SelfSubjectReview');
      const { status } = await this.client.json<SelfSubjectReview>(request, signal);
      this.#set({ user: { kind: 'ready', value: status?.userInfo ?? {} } });
      this.#visit();
    } catch (error) {
      if (!signal.aborted) this.#set({ user: { kind: 'failed', problem: messageOf(error) } });
    }
  }
}

/** The tokens that this window has stored. */
function readTokens(): readonly (readonly [prefix: string, token: string])[] {
  try {
    return JSON.parse(browser.sessionStorage.getItem(tokensKey) ?? '[]') as [string, string][];
  } catch {
    return [];
  }
}

/** The address of the proxy: the page is at `/-/ui/` below it. */
export const store = new Store(
  new Client(browser.location.origin + browser.location.pathname.replace(/\/-\/ui\/$/, '')),
  arrival,
);
