import { readIdToken } from '../kubeconfig/id-token.js';
import type { Credential } from './credential.js';
import type { CredentialEvents, CredentialSource } from './credential-source.js';

/** Whom a source of what stands in files tells, and whom it asks. */
interface StaticSourceOptions {
  readonly events: Pick<CredentialEvents, 'expires'>;
  /** Has the files looked at once more before their time; resolves when what changed is in use. */
  readonly lookAgain: () => Promise<void>;
}

/**
 * Credentials that stand in the kubeconfig and its files. They change with a reload of the configuration, which makes a
 * new source; a 401 has the files looked at once more before their time, as client-go does for a token file. They are
 * given for ever, for it is the API server's clock that says when they expire.
 */
export function createStaticSource(
  credential: Credential,
  { events, lookAgain }: StaticSourceOptions,
): CredentialSource {
  const name = 'static';
  let isReported = false;
  return {
    name,
    endsAt: Infinity,
    get() {
      if (!isReported) {
        isReported = true;
        events.expires(name, expiryOf(credential));
      }
      return credential;
    },
    async refused() {
      await lookAgain();
      return undefined;
    },
    close() {
      isReported = true;
      events.expires(name, undefined);
    },
  };
}

/** The earlier of the client certificate's end and that of a bearer token which says one, as a JSON Web Token does. */
function expiryOf({ authorization, clientCertificate }: Credential): Date | undefined {
  const token = authorization?.startsWith('Bearer ') ? authorization.slice('Bearer '.length) : '';
  const ends = [clientCertificate?.notAfter, readIdToken(token)?.expires].filter(end => end !== undefined);
  return ends.length === 0 ? undefined : new Date(Math.min(...ends.map(end => end.getTime())));
}
