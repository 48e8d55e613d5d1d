import type { Cluster } from '../../clusters/cluster.js';
import { get, OwnRefusalError } from '../../clusters/own-request.js';
import { openWatch, type WatchListener } from '../../clusters/own-watch.js';
import type { AccessConditions } from '../../transport/access.js';
import type { RoundTrip } from '../../transport/round-trip.js';
import { refusedCredential } from '../../transport/upstream-error.js';
import type { AskedNamespaces } from './asked-namespaces.js';
import { NamespaceList } from './namespace-rows.js';

/** The label of a namespace that has its name: Kubernetes has set it since 1.21, and nobody can change it. */
export const nameLabel = 'kubernetes.io/metadata.name';

/** Milliseconds until the API server must have answered. */
const timeout = 30_000;

/** The most lists that are kept, and the characters of the shortest one: others are read in no time. */
const kept = { most: 4, shortest: 32 * 1024 };

/** The last long lists, so that one whose rows have not changed since is not read again. */
export class RecentLists {
  readonly #lists = new Map<string, NamespaceList>();

  /** @param request Equal for the same request. */
  read(request: string, text: string): NamespaceList {
    if (text.length < kept.shortest) return new NamespaceList(text);
    const list = new NamespaceList(text, this.#lists.get(request));
    this.#lists.delete(request);
    this.#lists.set(request, list);
    const [oldest = ''] = this.#lists.keys();
    if (this.#lists.size > kept.most) this.#lists.delete(oldest);
    return list;
  }
}

/** The namespaces as the API server shows them to the gateway itself, in the format of one client, with its selectors. */
export class OwnNamespaces {
  readonly #cluster: Cluster;
  readonly #asked: AskedNamespaces;
  readonly #conditions: AccessConditions;
  readonly #recent: RecentLists;

  /** @param conditions Of the client's request: no other API server may answer. */
  constructor(
    cluster: Cluster,
    asked: AskedNamespaces,
    { judgedFor, namesContext }: AccessConditions,
    recent: RecentLists,
  ) {
    this.#recent = recent;
    this.#cluster = cluster;
    this.#asked = asked;
    this.#conditions = { judgedFor, namesContext };
  }

  /**
   * The list that the client asks for; of these namespaces alone, if the client does not select any itself. Rejects with an OwnRefusalError
   * for another answer than 200.
   */
  async list(names?: readonly string[]): Promise<NamespaceList> {
    const { selection, fieldSelector, versionQuery } = this.#asked;
    const text = `${nameLabel} in (${names?.join(',')})`;
    const named = names === undefined ? '' : `labelSelector=${encodeURIComponent(text)}`;
    return this.#get(selection, fieldSelector, named, versionQuery);
  }

  /** Those of these names that the client selects, at present. */
  async selected(names: readonly string[]): Promise<NamespaceList> {
    const { selection, fieldSelector } = this.#asked;
    return this.#get(selection, withName(fieldSelector, names));
  }

  /** Those of these names, at present. */
  async named(names: readonly string[]): Promise<NamespaceList> {
    const includeObject = this.#asked.selection.split('&').find(text => text.startsWith('includeObject='));
    return this.#get(includeObject ?? '', withName('', names));
  }

  /** A watch from this version on. */
  watchFrom(version: string, listener: WatchListener): RoundTrip {
    return this.#watch(listener, `resourceVersion=${encodeURIComponent(version)}`);
  }

  /** A watch that begins as the client asks for: with the initial events. */
  watchFromInitial(listener: WatchListener): RoundTrip {
    return this.#watch(listener, 'sendInitialEvents=true', this.#asked.versionQuery);
  }

  #watch(listener: WatchListener, ...beginning: string[]): RoundTrip {
    const { selection, fieldSelector, accept = '' } = this.#asked;
    const query = queryOf(
      'watch=true&allowWatchBookmarks=true',
      ...beginning,
      selection,
      selector(fieldSelector),
    );
    const target = `/api/v1/namespaces${query}`;
    return openWatch(this.#cluster, { target, accept, timeout, ...this.#conditions }, listener);
  }

  async #get(selection: string, fieldSelector: string, ...more: string[]): Promise<NamespaceList> {
    const { accept = '' } = this.#asked;
    const query = queryOf(...more, selection, selector(fieldSelector));
    const request = { accept, timeout, ...this.#conditions };
    const { status, text } = await get(this.#cluster, `/api/v1/namespaces${query}`, request);
    if (status === 401) throw refusedCredential();
    if (status !== 200) throw new OwnRefusalError(this.#cluster.host, 'a list of namespaces', status, text);
    return this.#recent.read(`${query} ${accept}`, text);
  }
}

function queryOf(...parts: readonly string[]): string {
  const query = parts.filter(part => part !== '').join('&');
  return query === '' ? '' : `?${query}`;
}

function selector(text: string): string {
  return text === '' ? '' : `fieldSelector=${encodeURIComponent(text)}`;
}

/** Several names come in one list of all. */
function withName(fieldSelector: string, names: readonly string[]): string {
  if (names.length !== 1) return fieldSelector;
  return [...(fieldSelector === '' ? [] : [fieldSelector]), `metadata.name=${names[0]}`].join(',');
}
