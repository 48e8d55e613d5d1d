import type { OwnEndpoint } from '../../endpoints/own-endpoint.js';
import type { Feature } from '../../feature.js';
import { StatusError } from '../../kubernetes/status.js';
import { createKubeconfigFacts } from './facts.js';
import { kubeconfigOf } from './kubeconfig.js';
import { runInSlices } from './steps.js';

interface ReadOptions {
  readonly publicUrl: string;
}

const kubeconfig = {
  name: 'kubeconfig',
  title: 'a kubeconfig for clients of this proxy',
  access: 'optional',
  create(parts, { publicUrl }) {
    const factsFor = createKubeconfigFacts(parts, publicUrl);
    return async ({ context }, reply) => {
      const facts = factsFor(context);
      if (facts === undefined) {
        throw new StatusError(404, 'a kubeconfig needs a URL, and a Unix socket has none; set --public-url');
      }
      reply.headers({ 'Content-Type': 'application/yaml', 'Cache-Control': 'no-store' });
      return runInSlices(kubeconfigOf(facts));
    };
  },
} as const satisfies OwnEndpoint<ReadOptions>;

/** A kubeconfig for this proxy, with the address at which the caller reached it. */
export const servedKubeconfig = {
  name: 'served-kubeconfig',
  endpoints: [kubeconfig],
} as const satisfies Feature<ReadOptions>;
