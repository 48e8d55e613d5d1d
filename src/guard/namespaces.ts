import type { RequestInfo } from '../kubernetes/request-info.js';
import { hasCertainFields } from './certain-path.js';
import { Refusal } from './refusal.js';
import type { RegexpList } from './regexp-list.js';

/** Judges a request by the namespace that it is about; throws a Refusal. */
export type NamespaceGuard = (info: RequestInfo) => void;

/** What Kubernetes itself shows everybody: the roles system:discovery, system:public-info-viewer and system:service-account-issuer-discovery. */
const publicPath =
  /^\/*(?:$|(?:api|apis|openapi|version|healthz|livez|readyz)(?:\/|$)|\.well-known\/openid-configuration$|openid\/v1\/jwks$)/;

/** Questions about the one who asks; they have no namespace. */
const selfReviews: ReadonlySet<string> = new Set([
  'authentication.k8s.io/selfsubjectreviews',
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
]);

/**
 * Refuses what is not in one of the namespaces of `--accept-namespaces`, whose expressions match whole names. Everything without
 * a namespace is refused with them, lists across namespaces and cluster-scoped objects alike (a node's proxy subresource reaches
 * every Pod on it), but for discovery, version, OpenAPI, health and reviews of oneself. A Namespace is in itself.
 */
export function createNamespaceGuard(accepted: RegexpList): NamespaceGuard {
  const known = new Set<string>();
  return info => {
    const { namespace } = info;
    if (!hasCertainFields(info)) throw refusal('the namespace of the request is not certain');
    if (namespace === '') {
      if (isPublic(info)) return;
      throw refusal('the request is in no namespace');
    }
    if (known.has(namespace)) return;
    if (!accepted.matches(namespace)) throw refusal(`namespace "${namespace.slice(0, 100)}" is not accepted`);
    if (known.size < 64) known.add(namespace);
  };
}

function isPublic(info: RequestInfo): boolean {
  if (!info.isResourceRequest) return publicPath.test(info.path);
  return (
    info.verb === 'create' &&
    info.name === '' &&
    info.subresource === '' &&
    selfReviews.has(`${info.apiGroup}/${info.resource}`)
  );
}

function refusal(what: string): Refusal {
  return new Refusal(
    403,
    'namespace',
    `${what}: --accept-namespaces lets only requests in the namespaces that it names pass; add to that list to allow more`,
  );
}
