import type { Credential } from './credential.js';
import type { CredentialSource } from './credential-source.js';

/**
 * Credentials that stand in the kubeconfig and its files. They change with a reload of the configuration, which makes a
 * new source; a 401 has the files looked at once more before their time, as client-go does for a token file.
 */
export function createStaticSource(credential: Credential, lookAgain: () => Promise<void>): CredentialSource {
  return {
    name: 'static',
    get: () => credential,
    async refused() {
      await lookAgain();
      return undefined;
    },
    close: () => {},
  };
}
