import { builtInResources } from '../../kubernetes/built-in-resources.js';
import type { RequestInfo } from '../../kubernetes/request-info.js';

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

/** How many resources and subresources can be learnt. All further ones are `other`. */
const mostLearnt = 1_000;
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
 * The resources and subresources that exist, for labels. Kubernetes' own are known from the start, others once the API server has answered
 * a request for them with success: names that a client made up get 403 or 404. A resource is never forgotten, so the number of resources,
 * and of metric series made from them, has an upper limit.
 */
export class KnownResources {
  readonly #root = new TreeNode([], false);
  #learnt = 0;

  constructor() {
    for (const [groupVersion, resources] of Object.entries(builtInResources)) {
      const [version = '', group = ''] = groupVersion.split('/').reverse();
      for (const entry of resources.split(/\s+/)) {
        const [resource = '', subresources = ''] = entry.split('/');
        for (const subresource of subresources.split(',')) this.#add([group, version, resource, subresource]);
      }
    }
  }

  /** The resource of a resource request, with `other` where it is unknown. Takes four look-ups and no allocation. */
  find(info: RequestInfo): KnownResource {
    const { apiGroup, apiVersion, resource, subresource } = info;
    return this.#root.at(apiGroup).at(apiVersion).at(resource).at(subresource).resource;
  }

  /** The API server has answered this resource request with success. */
  learn(info: RequestInfo): void {
    if (this.#learnt >= mostLearnt || this.find(info).known) return;
    const { apiGroup, apiVersion, resource, subresource } = info;
    const fields = [apiGroup, apiVersion, resource, subresource];
    const legal = fields.every((field, depth) =>
      field === '' ? depth === 0 || depth === 3 : field !== other && legalName.test(field),
    );
    if (!legal) return;
    this.#learnt += 1;
    this.#add(fields);
  }

  #add(fields: readonly string[]): void {
    let node = this.#root;
    for (const [depth, field] of fields.entries()) {
      let next = node.children.get(field);
      if (next === undefined) {
        next = new TreeNode(fields.slice(0, depth + 1), depth >= 2);
        node.children.set(field, next);
      }
      node = next;
    }
  }
}
