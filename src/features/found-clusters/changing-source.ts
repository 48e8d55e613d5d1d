import type { Credential } from '../../credentials/credential.js';
import { CredentialError, type CredentialSource } from '../../credentials/credential.js';

/**
 * The credential of a found cluster, which another one may follow every few minutes: then the endpoint stays, and with it everything that is
 * open or known of it.
 */
export class ChangingSource implements CredentialSource {
  /** Another credential may come at any time. */
  readonly isLasting = false;
  #source: CredentialSource;
  #isClosed = false;

  constructor(source: CredentialSource) {
    this.#source = source;
  }

  get name(): CredentialSource['name'] {
    return this.#source.name;
  }

  get current(): CredentialSource {
    return this.#source;
  }

  replace(source: CredentialSource): void {
    if (source === this.#source) return;
    this.#source.close();
    this.#source = source;
  }

  get(): Credential | Promise<Credential> {
    if (this.#isClosed) return Promise.reject(new CredentialError('the cluster is no longer served'));
    const source = this.#source;
    const credential = source.get();
    if (!(credential instanceof Promise)) return credential;
    return credential.catch((error: unknown) => {
      // Another source has taken its place during the wait.
      if (source !== this.#source) return this.get();
      throw error;
    });
  }

  refused(credential: Credential): Promise<void> {
    return this.#source.refused(credential);
  }

  close(): void {
    this.#isClosed = true;
    this.#source.close();
  }
}
