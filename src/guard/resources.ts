import type { RequestInfo } from '../kubernetes/request-info.js';
import { hasCertainFields } from './certain-path.js';
import { Refusal } from './refusal.js';
import { isAbout, nameOf, type ResourcePattern } from './resource-list.js';

/** Judges a request by the resource that it is about; throws a Refusal. */
export type ResourceGuard = (info: RequestInfo) => void;

/**
 * Refuses what is about a resource of `--reject-resources`, whatever the verb, version, namespace and method. Case makes no
 * difference, although the API server knows only lower case.
 */
export function createResourceGuard(rejected: readonly ResourcePattern[]): ResourceGuard {
  return info => {
    if (!hasCertainFields(info)) {
      throw new Refusal(
        403,
        'resource',
        'the resource of the request is not certain, so --reject-resources refuses it; send its path in the plain form',
      );
    }
    if (!info.isResourceRequest) return;
    const resource = info.resource.toLowerCase();
    const group = info.apiGroup.toLowerCase();
    // /api/v1/proxy/… is the subresource's old place.
    const subresource = info.verb === 'proxy' ? 'proxy' : info.subresource.toLowerCase();
    for (const pattern of rejected) {
      if (isAbout(pattern, { group, resource, subresource })) {
        throw new Refusal(
          403,
          'resource',
          `${nameOf(pattern)} is refused by --reject-resources; take it off that list to allow it`,
        );
      }
    }
  };
}
