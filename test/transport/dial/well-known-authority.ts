import { after, mock } from 'node:test';
import tls, { type ConnectionOptions } from 'node:tls';

/**
 * The authority that TLS connections of this process trust unless they name others, until the end of the test file that makes it.
 * NODE_EXTRA_CA_CERTS, which does that for the program, has to be set before a process starts.
 */
export class WellKnownAuthority {
  /** PEM; undefined for the authorities of Node alone. */
  certificate: string | undefined;

  constructor(certificate: string) {
    this.certificate = certificate;
    const { connect } = tls;
    const withAuthority = (options: ConnectionOptions) =>
      options.secureContext === undefined && this.certificate !== undefined
        ? connect({ ...options, ca: this.certificate })
        : connect(options);
    const replaced = mock.method(tls, 'connect', withAuthority as typeof connect);
    after(() => replaced.mock.restore());
  }
}
