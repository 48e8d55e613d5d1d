import { builtInResources } from './built-in-resources.js';
import { discover, type FetchJson } from './discovery.js';
import type { RequestInfo } from './request-info.js';

/** What stands in a label in place of what nobody vouches for. */
export const other = 'other';

/** Where a request goes, with `other` for each field that no known resource has. The same object for the same fields, always. */
export interface KnownResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** False when any of the fields is unknown. */
  readonly known: boolean;
}

/** The resources and subresources that are real, as against what a client can make up in a path. */
export interface KnownResources {
  /** Whether the resource, and the subresource if there is one, of a resource request is known. */
  has(info: RequestInfo): boolean;
  /** The known part of where a resource request goes; four look-ups, no allocation. */
  find(info: RequestInfo): KnownResource;
  /** Learns from the API server's discovery; one at a time, never fails, and what was known stays. True when discovery was complete. */
  refresh(): Promise<boolean>;
  /** `refresh()` in the background unless one began within the last minute: for when an unknown resource was asked for. */
  refreshSoon(): void;
  /** How many resources and subresources are known. */
  readonly size: number;
}

export interface KnownResourcesOptions {
  /** Milliseconds from any origin, never going back. */
  readonly now?: () => number;
  /** No more resources and subresources than this are ever known; those after it are `other`. */
  readonly limit?: number;
}

const refreshInterval = 60_000;
// Kubernetes' names of groups, versions, resources and subresources are DNS labels and subdomains.
const legalName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** One step of the way group, version, resource, subresource; the last step's `resource` is the answer. */
class Place {
  readonly children = new Map<string, Place>();
  readonly resource: KnownResource;
  readonly unknown: Place;

  constructor(fields: readonly string[], known: boolean) {
    const [group = other, version = other, resource = other, subresource = other] = fields;
    this.resource = Object.freeze({ group, version, resource, subresource, known });
    this.unknown = fields.length < 4 ? new Place([...fields, other], false) : this;
    if (fields.length === 3) this.children.set('', new Place([...fields, ''], known));
  }

  at(field: string): Place {
    return this.children.get(field) ?? this.unknown;
  }
}

/**
 * Knows Kubernetes' own resources from the start and the others after `refresh()`. Nothing is ever forgotten: a deleted
 * custom resource keeps its place, so that the number of places, and of the metric series made from them, stays bounded.
 */
export function createKnownResources(
  fetchJson: FetchJson,
  { now = () => performance.now(), limit = 5_000 }: KnownResourcesOptions = {},
): KnownResources {
  const root = new Place([], false);
  let size = 0;
  let refreshing: Promise<boolean> | undefined;
  let refreshedAt = Number.NEGATIVE_INFINITY;

  function learn(group: string, version: string, resource: string, subresource: string): void {
    const fields = [group, version, resource, subresource];
    const legal = fields.every((field, depth) =>
      field === '' ? depth === 0 || depth === 3 : field !== other && legalName.test(field),
    );
    if (!legal) return;
    let place = root;
    for (const [depth, field] of fields.entries()) {
      let next = place.children.get(field);
      if (next === undefined) {
        if (size >= limit) return;
        if (depth >= 2) size++;
        next = new Place(fields.slice(0, depth + 1), depth >= 2);
        place.children.set(field, next);
      }
      place = next;
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
