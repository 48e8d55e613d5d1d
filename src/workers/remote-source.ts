import { type Credential, isSameCredential } from '../credentials/credential.js';
import {
  CredentialError,
  type CredentialSource,
  type CredentialSourceName,
} from '../credentials/credential-source.js';
import type { NumberedCredential } from './messages.js';

/** Asks the process that has the source. Both functions reject with a reason that a client may read. */
interface Remote {
  credential(): Promise<NumberedCredential>;
  refused(credential: number): Promise<void>;
}

/** A credential source in another process. */
export interface RemoteSource extends CredentialSource {
  /** The other process uses this credential from now on. */
  take(next: NumberedCredential): void;
}

/**
 * Returns the credential of the other process until it ends, and then asks for another one, with one question for all waiting requests. The
 * other process renews credentials in the background, and sends each new one.
 */
export function createRemoteSource(
  name: CredentialSourceName,
  remote: Remote,
  first: NumberedCredential | undefined,
): RemoteSource {
  let current = first;
  let asking: Promise<Credential> | undefined;

  const take = (next: NumberedCredential): Credential => {
    const credential =
      current !== undefined && isSameCredential(current.credential, next.credential)
        ? current.credential
        : next.credential;
    current = { ...next, credential };
    return credential;
  };
  const ask = async (): Promise<Credential> => {
    try {
      return take(await remote.credential());
    } catch (error) {
      throw new CredentialError((error as Error).message);
    } finally {
      asking = undefined;
    }
  };

  return {
    name,
    take,
    get endsAt() {
      return current?.endsAt ?? Infinity;
    },
    get() {
      if (current !== undefined && Date.now() < current.endsAt) return current.credential;
      asking ??= ask();
      return asking;
    },
    async refused(credential) {
      if (credential === current?.credential) {
        // If the source is no longer in use, it has no other credential. The next request asks another source.
        await remote.refused(current.id).catch(() => {});
      }
      const next = current?.credential;
      return next === credential ? undefined : next;
    },
    // The credential remains usable; the process that has the source closes it.
    close() {},
  };
}
