import { readIdToken } from '../kubeconfig/id-token.js';
import type { Credential, CredentialEvents, CredentialSource } from './credential.js';

/** Where a static source reports to, and how it reloads. */
interface StaticSourceOptions {
  readonly events: Pick<CredentialEvents, 'expires'>;
  /** Reads the files again at once. Resolves when a change is in use. */
  readonly rereadFiles: () => Promise<void>;
}

/**
 * Credentials from the kubeconfig and its files. They change when the configuration is reloaded, which creates a new source. After a 401
 * the proxy reads the files again at once, as client-go does for a token file. They are used without an end, because only the API server's
 * clock decides when they expire.
 */
export function createStaticSource(
  credential: Credential,
  { events, rereadFiles }: StaticSourceOptions,
): CredentialSource {
  const name = 'static';
  let isReported = false;
  return {
    name,
    isLasting: true,
    get() {
      if (!isReported) {
        isReported = true;
        events.expires(name, expiryOf(credential));
      }
      return credential;
    },
    async refused() {
      await rereadFiles();
      return undefined;
    },
    close() {
      isReported = true;
      events.expires(name, undefined);
    },
  };
}

/** When the client certificate or the bearer token expires, whichever is first. A JSON Web Token names its expiry. */
function expiryOf({ authorization, clientCertificate }: Credential): Date | undefined {
  const token = authorization?.startsWith('Bearer ') ? authorization.slice('Bearer '.length) : '';
  const ends = [clientCertificate?.notAfter, readIdToken(token)?.expires].filter(end => end !== undefined);
  return ends.length === 0 ? undefined : new Date(Math.min(...ends.map(end => end.getTime())));
}
