import { type Credential, isSameCredential } from '../credentials/credential.js';
import {
  CredentialError,
  type CredentialSource,
  type CredentialSourceName,
} from '../credentials/credential-source.js';
import type { GivenCredential } from './messages.js';

/** How the process is asked that has the source. Both reject with a reason that is fit for a client. */
interface Remote {
  credential(): Promise<GivenCredential>;
  refused(credential: number): Promise<void>;
}

/** A source in another process. */
export interface RemoteSource extends CredentialSource {
  /** The other process gives this from now on. */
  take(given: GivenCredential): void;
}

/**
 * Gives what the other process gave until it ends, and asks there for more: one question for all who wait. Renewal in the
 * background is the other process' matter, which tells of it.
 */
export function createRemoteSource(
  name: CredentialSourceName,
  remote: Remote,
  first: GivenCredential | undefined,
): RemoteSource {
  let current = first;
  let asking: Promise<Credential> | undefined;

  const take = (given: GivenCredential): Credential => {
    const credential =
      current !== undefined && isSameCredential(current.credential, given.credential)
        ? current.credential
        : given.credential;
    current = { ...given, credential };
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
        // A source that is no longer in use has no other; who asks next asks another source.
        await remote.refused(current.id).catch(() => {});
      }
      const next = current?.credential;
      return next === credential ? undefined : next;
    },
    // What was given stays usable, and the source behind it is closed by the process that has it.
    close() {},
  };
}
