import { builtInResources } from './built-in-resources.js';
import { discover, type FetchJson } from './discovery.js';
import type { RequestInfo } from './request-info.js';

/** The label value for everything unknown. */
export const other = 'other';

/** The resource of a request, with `other` in place of each unknown field. The same fields always give the same object. */
export interface KnownResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** False if at least one field is unknown. */
  readonly known: boolean;
}

/** The resources and subresources that exist. Names that a client made up are not among them. */
export interface KnownResources {
  /** The resource of a resource request, with `other` where it is unknown. Takes four look-ups and no allocation. */
  find(info: RequestInfo): KnownResource;
  /**
   * Adds the resources that the API server's discovery lists. Never rejects. Calls at the same time share one discovery. Resolves to true
   * if the discovery was complete.
   */
  refresh(): Promise<boolean>;
  /** Calls `refresh()` in the background, at most once a minute. Call this for requests with an unknown resource. */
  refreshSoon(): void;
  /** The number of known resources and subresources. */
  readonly size: number;
}

export interface KnownResourcesOptions {
  /** A clock in milliseconds that never goes back; its origin does not matter. */
  readonly now?: () => number;
  /** Maximum number of resources and subresources. All others are `other`. */
  readonly limit?: number;
}

const refreshInterval = 60_000;
// In Kubernetes, names of groups, versions, resources and subresources are DNS labels and subdomains.
const legalName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** One step of the path group, version, resource, subresource. The `resource` of the last step is the result. */
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
 * Knows Kubernetes' own resources from the start, and the others after `refresh()`. It never forgets a resource: a deleted custom resource
 * still counts, so the number of resources, and of metric series made from them, has an upper limit.
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
