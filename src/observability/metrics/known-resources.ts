import { builtInResources } from '../../kubernetes/built-in-resources.js';
import type { RequestInfo } from '../../kubernetes/request-info.js';

/** The label value for everything unknown. */
export const other = 'other';

/** How many resources and subresources can be learnt. All further ones are `other`. */
const mostLearnt = 1_000;
// In Kubernetes, names of groups, versions, resources and subresources are DNS labels and subdomains.
const legalName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/**
 * The resources and subresources that exist, for labels. Kubernetes' own are known from the start, others once the API server has answered
 * a request for them with success: names that a client made up get 403 or 404. A resource is never forgotten, so the number of resources,
 * and of metric series made from them, has an upper limit.
 */
export class KnownResources {
  readonly #known = new Set<string>();
  #learnt = 0;

  constructor() {
    for (const [groupVersion, resources] of Object.entries(builtInResources)) {
      const [apiVersion = '', apiGroup = ''] = groupVersion.split('/').reverse();
      for (const entry of resources.split(/\s+/)) {
        const [resource = '', subresources = ''] = entry.split('/');
        for (const subresource of ['', ...subresources.split(',')]) {
          this.#known.add(keyOf({ apiGroup, apiVersion, resource, subresource }));
        }
      }
    }
  }

  has(info: ResourceNames): boolean {
    return this.#known.has(keyOf(info));
  }

  /** The API server has answered this resource request with success. */
  learn(info: ResourceNames): void {
    if (this.#learnt >= mostLearnt || this.has(info)) return;
    const { apiGroup, apiVersion, resource, subresource } = info;
    const names = [apiVersion, resource, ...[apiGroup, subresource].filter(name => name !== '')];
    if (!names.every(name => name !== other && legalName.test(name))) return;
    this.#learnt += 1;
    this.#known.add(keyOf(info));
  }
}

type ResourceNames = Pick<RequestInfo, 'apiGroup' | 'apiVersion' | 'resource' | 'subresource'>;

/** No name contains a slash. */
function keyOf({ apiGroup, apiVersion, resource, subresource }: ResourceNames): string {
  return `${apiGroup}/${apiVersion}/${resource}/${subresource}`;
}
