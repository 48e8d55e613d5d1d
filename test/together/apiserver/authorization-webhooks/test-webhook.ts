import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import { json } from 'node:stream/consumers';
import type { CertificatePair } from '../../../support/certificates/certificates.js';
import { listenFor } from '../../../support/ports.js';
import { writeKubeconfig } from '../../../support/proxy/kubeconfig-file.js';
import type { Scope } from '../../../support/scope.js';

/** The spec of a review. */
interface Spec {
  readonly user: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
  readonly resourceAttributes?: { readonly verb?: string; readonly subresource?: string };
}

/** Answers a review, or does something else with the request. */
type Behaviour = (spec: Spec, response: ServerResponse) => void;

/** Starts a webhook that behaves by the path at which it is asked. Returns what makes its entry of a file of authorizers for a path. */
export async function startWebhook(
  scope: Scope,
  { certificate: cert, key }: CertificatePair,
  ca: string,
  behaviours: Readonly<Record<string, Behaviour>>,
) {
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const review = request.method === 'POST' ? ((await json(request)) as { spec: Spec }) : undefined;
    behaviours[(request.url ?? '').replace(/\?.*/, '')]?.(review?.spec ?? { user: '' }, response);
  };
  const server = https.createServer({ cert, key }, (request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  const url = `https://127.0.0.1:${await listenFor(scope, server)}`;
  return async (path: string, name: string, more: object): Promise<object> => ({
    type: 'Webhook',
    name: `${name}.example.com`,
    webhook: {
      // The longest timeout: both servers ask dozens of webhooks at once, many of them several times.
      ...{ authorizedTTL: '30s', unauthorizedTTL: '30s', timeout: '30s', subjectAccessReviewVersion: 'v1' },
      ...{ matchConditionSubjectAccessReviewVersion: 'v1', failurePolicy: 'Deny' },
      connectionInfo: {
        type: 'KubeConfigFile',
        kubeConfigFile: (await writeKubeconfig({ server: `${url}${path}`, ca })).path,
      },
      ...more,
    },
  });
}

/** Answers a review with this status. */
function say(response: ServerResponse, status: object): void {
  const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', status };
  response.setHeader('Content-Type', 'application/json').end(JSON.stringify(review));
}

const allowed = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SubjectAccessReview',
  status: { allowed: true },
};

/**
 * Webhooks that do not say what they think, or say it in a way of their own, by path.
 * test/features/authorization-webhooks/apiserver/answers.test.ts has what only the verdict can show.
 */
export const oddWebhooks: Readonly<Record<string, Behaviour>> = {
  '/hang': () => {},
  '/cut': (_, response) => response.socket?.resetAndDestroy(),
  '/closed': (_, response) => response.socket?.destroy(),
  '/error': (_, response) => response.writeHead(500, { 'Content-Type': 'text/plain' }).end('<b> "broken"\n'),
  '/unavailable': (_, response) => response.writeHead(503).end(),
  '/forbidden': (_, response) => response.writeHead(403, { 'Content-Type': 'text/plain' }).end(' not you '),
  '/status': (_, response) =>
    response
      .writeHead(418, { 'Content-Type': 'application/json' })
      .end(
        '{"kind":"Status","apiVersion":"v1","status":"Failure","message":"a teapot","reason":"Teapot","code":418}',
      ),
  '/empty': (_, response) => response.end(),
  '/version': (_, response) =>
    response.end(JSON.stringify({ ...allowed, apiVersion: 'authorization.k8s.io/v1beta1' })),
  '/kind': (_, response) => response.end(JSON.stringify({ ...allowed, kind: 'SelfSubjectAccessReview' })),
  '/types': (_, response) => response.end(JSON.stringify({ ...allowed, status: { allowed: 'true' } })),
  '/large': (_, response) =>
    response.end(JSON.stringify({ ...allowed, metadata: { name: 'x'.repeat(10_000_000) } })),
};

/** The fields of a user that only one of two servers knows. */
const ofOneServer: ReadonlySet<string> = new Set([
  'kube-api-proxy/cluster',
  'authentication.kubernetes.io/credential-id',
]);

/** Decides by all of a spec, and says in its reason what that was: so two servers that ask another thing differ in their answers. */
export function byDigest(salt: string): Behaviour {
  return (spec, response) => {
    const extra = Object.entries(spec.extra ?? {}).filter(([name]) => !ofOneServer.has(name));
    const compared = { ...spec, extra: Object.fromEntries(extra) };
    const text = canonical(compared);
    const digit = createHash('sha256')
      .update(salt + canonical(forDecision(compared)))
      .digest()[0] as number;
    const reason = `${salt} was asked ${text}`;
    if (digit < 60) say(response, { allowed: false, denied: true, reason });
    else if (digit < 90) say(response, { allowed: true, reason });
    else if (digit < 92) say(response, { allowed: true, denied: true, reason });
    else say(response, { allowed: false });
  };
}

/** A connection by a GET takes the right to create too, as since Kubernetes 1.35: the webhook decides alike about both. */
function forDecision(spec: Spec): Spec {
  const { resourceAttributes: attributes } = spec;
  const connects = /^(?:exec|attach|portforward)$/.test(attributes?.subresource ?? '');
  return connects ? { ...spec, resourceAttributes: { ...attributes, verb: 'connect' } } : spec;
}

/** JSON with sorted names. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
}
