import { apiMounts, type OperationCheck, type OperationGuard } from '../../guard/guard.js';
import { hasOneReading } from '../../guard/one-reading.js';
import { type RegexpList, wholeRegexpList } from '../../guard/regexp-list.js';
import { Rejection } from '../../guard/rejection.js';
import type { RequestInfo } from '../../kubernetes/request-info.js';
import { SmallMap } from '../../lib/bounded-maps.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';

const options = defineOptions('Filter', {
  acceptNamespaces: {
    type: wholeRegexpList,
    default: '.*',
    help: 'Namespaces that are accepted, by whole names. Any value but the default also refuses what is in no namespace.',
  },
});

/** A request is in a namespace that `--accept-namespaces` accepts. */
export const namespaces = {
  name: 'namespaces',
  stage: 'operation',
  options,
  reasons: ['namespace'],
  judges: apiMounts,
  judgesOperations: true,
  create({ acceptNamespaces }: OptionValues<typeof options>): OperationCheck | undefined {
    if (acceptNamespaces.source === options.acceptNamespaces.default) return undefined;
    const check = createNamespaceCheck(acceptNamespaces);
    return ({ path }) => check(path.decidedOn);
  },
} as const satisfies OperationGuard<OptionValues<typeof options>>;

/**
 * What Kubernetes shows to everybody: the roles system:discovery, system:public-info-viewer and system:service-account-issuer-discovery.
 */
const publicPath =
  /^\/*(?:$|(?:api|apis|openapi|version|healthz|livez|readyz)(?:\/|$)|\.well-known\/openid-configuration$|openid\/v1\/jwks$)/;

/** Reviews of the caller itself; they have no namespace. */
const selfReviews: ReadonlySet<string> = new Set([
  'authentication.k8s.io/selfsubjectreviews',
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
]);

/**
 * Rejects what is not in a namespace that `--accept-namespaces` accepts; its expressions match whole names. Requests without a namespace
 * are rejected too, also lists across namespaces and cluster-scoped objects (a node's proxy subresource reaches every Pod on it).
 * Exceptions are discovery, version, OpenAPI, health and reviews of oneself. A Namespace object counts as being in itself.
 */
export function createNamespaceCheck(accepted: RegexpList): (info: RequestInfo) => void {
  const known = new SmallMap<true>();
  return info => {
    const { namespace } = info;
    if (!hasOneReading(info)) throw rejection('the namespace of the request is not certain');
    if (namespace === '') {
      if (isPublic(info)) return;
      throw rejection('the request is in no namespace');
    }
    if (known.has(namespace)) return;
    if (!accepted.matches(namespace))
      throw rejection(`namespace "${namespace.slice(0, 100)}" is not accepted`);
    known.set(namespace, true);
  };
}

function isPublic(info: RequestInfo): boolean {
  if (!info.isResourceRequest) return publicPath.test(info.path);
  return info.verb === 'create' && info.name === '' && selfReviews.has(`${info.apiGroup}/${info.resource}`);
}

function rejection(what: string): Rejection {
  return new Rejection(
    403,
    'namespace',
    `${what}: --accept-namespaces lets only requests in the namespaces that it names pass; add to that list to allow more`,
  );
}
