import type { ApiIndex } from './discovery.js';
import { isSegmentName, isVisible } from './requests.js';

/** The view that a fragment names. Nothing in it has been checked against the API server. */
export type View =
  | { readonly kind: 'home' }
  | { readonly kind: 'group'; readonly group: string; readonly version: string | undefined }
  | ({ readonly kind: 'list' } & ResourceName)
  | ({ readonly kind: 'object' | 'log'; readonly name: string } & ResourceName)
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'unknown' };

/** A resource as a path names it. The namespace is empty for all namespaces, and for a resource without namespaces. */
interface ResourceName {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace: string;
}

/** The parts of a fragment. */
export interface Address {
  /** The beginning that names a cluster: `/clusters/NAME`. Empty for the cluster of `/`. */
  readonly cluster: string;
  readonly view: View;
  readonly query: URLSearchParams;
  /** The whole fragment, unchanged. */
  readonly text: string;
}

/**
 * Reads a fragment: a path of the API with its query, after the path of a cluster. A fragment that cannot be read, or has a character that
 * nobody sees, is `unknown`.
 *
 * @param clusters The paths of clusters that a fragment may begin with.
 */
export function parseFragment(fragment: string, clusters: readonly string[]): Address {
  const text = fragment.replace(/^#/, '');
  const mark = text.indexOf('?');
  const whole = mark === -1 ? text : text.slice(0, mark);
  const query = new URLSearchParams(mark === -1 ? '' : text.slice(mark + 1));
  const cluster =
    clusters.find(path => path !== '' && (whole === path || whole.startsWith(`${path}/`))) ?? '';
  const view = isVisible([...query].join()) ? viewOf(whole.slice(cluster.length)) : unknown;
  return { cluster, view, query, text };
}

/**
 * The namespace of a view, empty for a list over all. Undefined if the view says nothing about it: it is of the whole cluster, or nobody knows
 * yet.
 */
export function namespaceAt({ view }: Address, index: ApiIndex | undefined): string | undefined {
  if (!('namespace' in view)) return undefined;
  if (view.namespace !== '') return view.namespace;
  return index?.resource(view.group, view.version, view.resource)?.namespaced ? '' : undefined;
}

/** The fragment of the same view in another cluster, with no more than resource and namespace: objects of one name are not the same object. */
export function fragmentIn(cluster: string, { view }: Address): string {
  const segments = (names: readonly string[]) => names.map(name => `/${encodeURIComponent(name)}`).join('');
  if (view.kind === 'path') return cluster + view.path;
  if (view.kind === 'home' || view.kind === 'unknown') return `${cluster}/`;
  const { group, version } = view;
  const root = segments([...(group === '' ? ['api'] : ['apis', group]), ...(version ? [version] : [])]);
  if (view.kind === 'group') return cluster + root;
  const within = view.namespace === '' ? [] : ['namespaces', view.namespace];
  return cluster + root + segments([...within, view.resource]);
}

function viewOf(path: string): View {
  if (path === '' || path === '/') return { kind: 'home' };
  if (!path.startsWith('/')) return unknown;
  if (!/^\/apis?(?:\/|$)/.test(path)) return { kind: 'path', path };
  const segments: string[] = [];
  for (const text of path.slice(1).replace(/\/$/, '').split('/')) {
    const segment = decoded(text);
    if (segment === undefined || !isSegmentName(segment)) return unknown;
    segments.push(segment);
  }
  const [root, ...rest] = segments;
  if (root === 'api') return resourceView('', rest[0], rest.slice(1));
  return rest[0] === undefined ? { kind: 'home' } : resourceView(rest[0], rest[1], rest.slice(2));
}

function resourceView(group: string, version: string | undefined, rest: readonly string[]): View {
  if (version === undefined || rest.length === 0) return { kind: 'group', group, version };
  // `/namespaces/NAME` is the namespace itself. With one more segment, it is a resource in the namespace.
  const isWithin = rest[0] === 'namespaces' && rest.length > 2;
  const namespace = isWithin ? (rest[1] as string) : '';
  const [resource = '', name, subresource, ...more] = isWithin ? rest.slice(2) : rest;
  const found = { group, version, resource, namespace };
  if (name === undefined) return { kind: 'list', ...found };
  if (subresource === undefined) return { kind: 'object', name, ...found };
  return subresource === 'log' && more.length === 0 ? { kind: 'log', name, ...found } : unknown;
}

const unknown: View = { kind: 'unknown' };

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
