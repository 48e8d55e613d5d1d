import { CredentialError } from '../credentials/credential-source.js';
import { within } from '../lib/within.js';
import type { Cluster } from './cluster.js';
import type { Session } from './endpoint.js';

/**
 * A session for a request that cannot wait for a login, such as a probe. Rejects with a CredentialError if there is none within `timeout`
 * milliseconds, or at once if the source cannot get one.
 */
export async function sessionWithin(cluster: Cluster, timeout: number): Promise<Session> {
  const session = cluster.session();
  if (!(session instanceof Promise)) return session;
  return within(timeout, session, () => {
    throw new CredentialError(`no credential within ${timeout / 1000} s; still trying`);
  });
}
