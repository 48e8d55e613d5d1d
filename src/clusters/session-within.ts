import { CredentialError } from '../credentials/credential-source.js';
import type { Cluster } from './cluster.js';
import type { Session } from './endpoint.js';

/**
 * A session for a request that cannot wait for a login, such as a probe. Rejects with a CredentialError if there is none within `timeout`
 * milliseconds, or at once if the source cannot get one.
 */
export async function sessionWithin(cluster: Cluster, timeout: number): Promise<Session> {
  const session = cluster.session();
  if (!(session instanceof Promise)) return session;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const seconds = timeout / 1000;
    const error = new CredentialError(`no credential within ${seconds} s; still trying`);
    timer = setTimeout(() => reject(error), timeout);
  });
  try {
    return await Promise.race([session, late]);
  } finally {
    clearTimeout(timer);
  }
}
