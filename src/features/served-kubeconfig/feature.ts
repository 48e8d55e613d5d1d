import type { OwnEndpoint } from '../../endpoints/own-endpoint.js';
import type { Feature } from '../../feature.js';
import { parseQuery } from '../../kubernetes/query.js';
import { StatusError } from '../../kubernetes/status.js';
import { createKubeconfigFacts, type KubeconfigFacts } from './facts.js';
import { kubeconfigOf } from './kubeconfig.js';

interface ReadOptions {
  readonly publicUrl: string;
}

const kubeconfig = {
  name: 'kubeconfig',
  title: 'a kubeconfig for clients of this proxy',
  access: 'optional',
  create(parts, { publicUrl }) {
    const factsFor = createKubeconfigFacts(parts, publicUrl);
    return async ({ context, originalUrl }, reply) => {
      const facts = await factsFor(context);
      const isForSignIn = signsIn(originalUrl);
      if (facts === undefined) {
        throw new StatusError(404, 'a kubeconfig needs a URL, and a Unix socket has none; set --public-url');
      }
      reply.headers({ 'Content-Type': 'application/yaml', 'Cache-Control': 'no-store' });
      return kubeconfigOf(isForSignIn ? withSignIn(facts) : facts);
    };
  },
} as const satisfies OwnEndpoint<ReadOptions>;

/** Whether the user shall be an issuer at which a client signs people in itself: `?auth=oidc`. */
function signsIn(url: string): boolean {
  const values = parseQuery(url.slice(url.indexOf('?') + 1)).get('auth') ?? [];
  if (!url.includes('?') || values.length === 0) return false;
  if (values.length === 1 && values[0] === 'oidc') return true;
  throw new StatusError(400, 'auth can only be oidc, once');
}

function withSignIn(facts: KubeconfigFacts): KubeconfigFacts {
  const users = facts.users.flatMap(user =>
    user.signInFields === undefined ? [] : [{ ...user, fields: user.signInFields }],
  );
  if (users.length > 0) return { ...facts, users };
  throw new StatusError(
    400,
    'auth=oidc needs an OpenID Connect issuer, and this proxy has none for its callers',
  );
}

/** A kubeconfig for this proxy, with the address at which the caller reached it. */
export const servedKubeconfig = {
  name: 'served-kubeconfig',
  endpoints: [kubeconfig],
} as const satisfies Feature<ReadOptions>;
