import { StatusError } from '../kubernetes/status.js';
import { runInSlices } from '../lib/steps.js';
import { kubeconfigOf } from './kubeconfig.js';
import type { OwnEndpoint } from './own-endpoint.js';

/** A kubeconfig for this proxy, with the address at which the caller reached it. */
export const kubeconfig = {
  name: 'kubeconfig',
  title: 'a kubeconfig for clients of this proxy',
  access: 'optional',
  create({ kubeconfigFor }) {
    return async ({ context }, reply) => {
      const facts = kubeconfigFor(context);
      if (facts === undefined) {
        throw new StatusError(404, 'a kubeconfig needs a URL, and a Unix socket has none; set --public-url');
      }
      reply.headers({
        'Content-Type': 'application/yaml',
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
      });
      return runInSlices(kubeconfigOf(facts));
    };
  },
} as const satisfies OwnEndpoint;
