import type { UserInfo } from './authentication.js';
import type { RequestAttributes } from './request-attributes.js';
import { StatusFailure } from './status-failure.js';

/** Decides about users outside system:masters; false rejects the request with a 403. */
export type Policy = (user: UserInfo, attributes: RequestAttributes) => boolean;

const publicPath = /^\/(?:healthz|livez|readyz|version)\/?(?:$|\?)/;
const discoveryPath = /^\/(?:apis?|openapi)(?:\/|$)/;
const selfReviews = /^selfsubject(?:access|rules)?reviews$/;

/** The default policy: health, version, discovery and reviews of the user's own rights, as in RBAC's built-in roles. */
export const defaultPolicy: Policy = (user, attributes) => {
  const authenticated = user.groups.includes('system:authenticated');
  if (attributes.isResourceRequest) {
    return authenticated && attributes.verb === 'create' && selfReviews.test(attributes.resource);
  }
  if (attributes.verb !== 'get') return false;
  return publicPath.test(attributes.path) || (authenticated && discoveryPath.test(attributes.path));
};

/** Whether the user may do this: system:masters may do everything, and the policy decides about others. */
export function isAllowed(policy: Policy, user: UserInfo, attributes: RequestAttributes): boolean {
  return user.groups.includes('system:masters') || policy(user, attributes);
}

/** The 403 with the API server's message. */
export function forbidden(user: UserInfo, attributes: RequestAttributes): StatusFailure {
  const { verb, group, namespace, name, path } = attributes;
  if (!attributes.isResourceRequest) {
    const message = `forbidden: User "${user.username}" cannot ${verb} path "${path}"`;
    return new StatusFailure(403, 'Forbidden', message, {});
  }
  const resource = attributes.subresource
    ? `${attributes.resource}/${attributes.subresource}`
    : attributes.resource;
  const qualified = group ? `${attributes.resource}.${group}` : attributes.resource;
  const scope = namespace ? `in the namespace "${namespace}"` : 'at the cluster scope';
  const message =
    `${qualified}${name ? ` ${JSON.stringify(name)}` : ''} is forbidden: User ${JSON.stringify(user.username)} cannot ${verb} ` +
    `resource "${resource}" in API group "${group}" ${scope}`;
  return new StatusFailure(403, 'Forbidden', message, {
    ...(name ? { name } : {}),
    ...(group ? { group } : {}),
    kind: attributes.resource,
  });
}
