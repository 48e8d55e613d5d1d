import { builtInResources } from './built-in-resources.js';
import { discover, type FetchJson } from './discovery.js';
import type { RequestInfo } from './request-info.js';

/** The value of a label for everything unknown. */
export const other = 'other';

/** The resource of a request, with `other` for each unknown field. The same fields always give the same object. */
export interface KnownResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** False if any of the fields is unknown. */
  readonly known: boolean;
}

/** The resources and subresources that exist, so that a client cannot make up others. */
export interface KnownResources {
  /** Whether the resource, and the subresource if there is one, of a resource request is known. */
  has(info: RequestInfo): boolean;
  /** The resource of a resource request, as far as it is known. Takes four look-ups and no allocation. */
  find(info: RequestInfo): KnownResource;
  /** Adds what the API server's discovery names. Never rejects; calls at the same time share one discovery. True if that was complete. */
  refresh(): Promise<boolean>;
  /** Calls `refresh()` in the background, at most once a minute: for requests with an unknown resource. */
  refreshSoon(): void;
  /** How many resources and subresources are known. */
  readonly size: number;
}

export interface KnownResourcesOptions {
  /** Milliseconds from any origin, never going back. */
  readonly now?: () => number;
  /** The most resources and subresources; all further ones are `other`. */
  readonly limit?: number;
}

const refreshInterval = 60_000;
// Kubernetes' names of groups, versions, resources and subresources are DNS labels and subdomains.
const legalName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** One step of group, version, resource, subresource; the last step's `resource` is the result. */
class TreeNode {
  readonly children = new Map<string, TreeNode>();
  readonly resource: KnownResource;
  readonly unknown: TreeNode;

  constructor(fields: readonly string[], known: boolean) {
    const [group = other, version = other, resource = other, subresource = other] = fields;
    this.resource = Object.freeze({ group, version, resource, subresource, known });
    this.unknown = fields.length < 4 ? new TreeNode([...fields, other], false) : this;
    if (fields.length === 3) this.children.set('', new TreeNode([...fields, ''], known));
  }

  at(field: string): TreeNode {
    return this.children.get(field) ?? this.unknown;
  }
}

/**
 * Knows Kubernetes' own resources from the start and the others after `refresh()`. It never forgets one: a deleted custom resource still
 * counts, so that the number of resources, and of metric series made from them, has an upper limit.
 */
export function createKnownResources(
  fetchJson: FetchJson,
  { now = () => performance.now(), limit = 5_000 }: KnownResourcesOptions = {},
): KnownResources {
  const root = new TreeNode([], false);
  let size = 0;
  let refreshing: Promise<boolean> | undefined;
  let refreshedAt = Number.NEGATIVE_INFINITY;

  function learn(group: string, version: string, resource: string, subresource: string): void {
    const fields = [group, version, resource, subresource];
    const legal = fields.every((field, depth) =>
      field === '' ? depth === 0 || depth === 3 : field !== other && legalName.test(field),
    );
    if (!legal) return;
    let node = root;
    for (const [depth, field] of fields.entries()) {
      let next = node.children.get(field);
      if (next === undefined) {
        if (size >= limit) return;
        if (depth >= 2) size++;
        next = new TreeNode(fields.slice(0, depth + 1), depth >= 2);
        node.children.set(field, next);
      }
      node = next;
    }
  }

  function find(info: RequestInfo): KnownResource {
    return root.at(info.apiGroup).at(info.apiVersion).at(info.resource).at(info.subresource).resource;
  }

  function refresh(): Promise<boolean> {
    if (refreshing === undefined) {
      refreshedAt = now();
      refreshing = discover(fetchJson, learn)
        .catch(() => false)
        .finally(() => {
          refreshing = undefined;
        });
    }
    return refreshing;
  }

  for (const [groupVersion, resources] of Object.entries(builtInResources)) {
    const [version = '', group = ''] = groupVersion.split('/').reverse();
    for (const entry of resources.split(/\s+/)) {
      const [resource = '', subresources = ''] = entry.split('/');
      for (const subresource of subresources.split(',')) learn(group, version, resource, subresource);
    }
  }

  return {
    has: info => find(info).known,
    find,
    refresh,
    refreshSoon() {
      if (now() - refreshedAt >= refreshInterval) void refresh();
    },
    get size() {
      return size;
    },
  };
}
