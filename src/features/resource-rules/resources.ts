import { apiMounts, type OperationCheck, type OperationGuard } from '../../guard/guard.js';
import { hasOneReading } from '../../guard/one-reading.js';
import { Rejection } from '../../guard/rejection.js';
import type { RequestInfo } from '../../kubernetes/request-info.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';
import { isAbout, nameOf, type ResourcePattern, resourceList } from './resource-list.js';

const options = defineOptions('Filter', {
  rejectResources: {
    type: resourceList,
    default: '',
    help: 'Resources that are refused, as RESOURCE[.GROUP][/SUBRESOURCE], such as secrets,pods/exec,*.example.com.',
  },
});

/** A request is not about a resource of `--reject-resources`. */
export const resources = {
  name: 'resources',
  stage: 'operation',
  options,
  reasons: ['resource'],
  judges: apiMounts,
  judgesOperations: true,
  create({ rejectResources }: OptionValues<typeof options>): OperationCheck | undefined {
    if (rejectResources.length === 0) return undefined;
    const check = createResourceCheck(rejectResources);
    return ({ path }) => check(path.decidedOn);
  },
} as const satisfies OperationGuard<OptionValues<typeof options>>;

/**
 * Rejects requests about a resource of `--reject-resources`, whatever the verb, version, namespace and method. Case makes no difference,
 * although the API server knows only lower case.
 */
export function createResourceCheck(rejected: readonly ResourcePattern[]): (info: RequestInfo) => void {
  return info => {
    if (!hasOneReading(info)) {
      throw new Rejection(
        403,
        'resource',
        'the resource of the request is not certain, so --reject-resources refuses it; send its path in the plain form',
      );
    }
    if (!info.isResourceRequest) return;
    const resource = info.resource.toLowerCase();
    const group = info.apiGroup.toLowerCase();
    // /api/v1/proxy/… is the old path of the subresource.
    const subresource = info.verb === 'proxy' ? 'proxy' : info.subresource.toLowerCase();
    for (const pattern of rejected) {
      if (isAbout(pattern, { group, resource, subresource })) {
        throw new Rejection(
          403,
          'resource',
          `${nameOf(pattern)} is refused by --reject-resources; take it off that list to allow it`,
        );
      }
    }
  };
}
