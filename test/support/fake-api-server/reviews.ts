import { toUserInfo, type UserInfo } from './authentication.js';
import { isAllowed } from './authorization.js';
import type { Cluster } from './cluster.js';
import { groupVersion, type ResourceType } from './discovery.js';
import { type Exchange, sendJson } from './exchange.js';
import { readObject } from './object-body.js';
import { isRecord, timestamp } from './objects.js';
import type { RequestAttributes } from './request-attributes.js';

function text(record: Record<string, unknown>, field: string): string {
  const value = record[field];
  return typeof value === 'string' ? value : '';
}

function toAttributes(spec: Record<string, unknown>): RequestAttributes {
  const none = { group: '', version: '', namespace: '', resource: '', subresource: '', name: '' };
  const resource = spec['resourceAttributes'];
  if (isRecord(resource)) {
    const fields = Object.keys(none).map(field => [field, text(resource, field)]);
    const verb = text(resource, 'verb');
    return { ...none, ...Object.fromEntries(fields), verb, isResourceRequest: true, path: '' };
  }
  const other = isRecord(spec['nonResourceAttributes']) ? spec['nonResourceAttributes'] : {};
  return { ...none, verb: text(other, 'verb'), isResourceRequest: false, path: text(other, 'path') };
}

function subjectOf(spec: Record<string, unknown>): UserInfo {
  const groups = Array.isArray(spec['groups']) ? spec['groups'].map(String) : [];
  return { username: text(spec, 'user'), groups };
}

function reviewToken({ tokens }: Cluster, spec: Record<string, unknown>): unknown {
  const token = text(spec, 'token');
  const known = Object.hasOwn(tokens, token) ? tokens[token] : undefined;
  if (!known) return { user: {}, error: 'invalid bearer token' };
  return {
    authenticated: true,
    user: toUserInfo(known),
    audiences: spec['audiences'] ?? [apiServerAudience],
  };
}

/** The audience of tokens that are for the API server itself. */
const apiServerAudience = 'https://kubernetes.default.svc';

const everything = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  incomplete: false,
};

const unknownRules = { resourceRules: [], nonResourceRules: [], incomplete: true };

/** Answers the reviews of authentication.k8s.io and authorization.k8s.io; false for any other resource. */
export async function serveReview(
  cluster: Cluster,
  type: ResourceType,
  exchange: Exchange,
): Promise<boolean> {
  const own = type.group === 'authentication.k8s.io' || type.group === 'authorization.k8s.io';
  if (!own || exchange.attributes.verb !== 'create') return false;
  const sent = await readObject(exchange, type);
  const spec = isRecord(sent['spec']) ? sent['spec'] : {};
  const head = { kind: type.kind, apiVersion: groupVersion(type) };
  const { user } = exchange;
  if (type.resource === 'selfsubjectreviews') {
    const metadata = { creationTimestamp: timestamp() };
    sendJson(exchange, 201, { ...head, metadata, status: { userInfo: user } });
    return true;
  }
  if (type.resource === 'selfsubjectrulesreviews') {
    // The rules of a policy, which is a function, cannot be listed.
    const status = user.groups.includes('system:masters') ? everything : unknownRules;
    sendJson(exchange, 201, { ...head, metadata: {}, spec: {}, status });
    return true;
  }
  const subject = type.resource === 'selfsubjectaccessreviews' ? user : subjectOf(spec);
  const status =
    type.resource === 'tokenreviews'
      ? reviewToken(cluster, spec)
      : { allowed: isAllowed(cluster.policy, subject, toAttributes(spec)) };
  sendJson(exchange, 201, { ...head, metadata: {}, spec, status });
  return true;
}
