import { resolve } from 'node:path';
import type { AuthInfo, Cluster } from './types.js';

/** The flags that win over what the kubeconfig says of impersonation; an empty text or list is the same as none. */
export interface ImpersonationOverrides {
  readonly as?: string;
  readonly asUid?: string;
  readonly asGroup?: readonly string[];
  /** `KEY=VALUE`, split at the first `=`; a key that comes again has more than one value. */
  readonly asUserExtra?: readonly string[];
}

/** The flags that win over the kubeconfig; an empty text is the same as none, as in client-go. */
export interface Overrides extends ImpersonationOverrides {
  readonly context?: string;
  readonly cluster?: string;
  readonly user?: string;
  readonly server?: string;
  readonly token?: string;
  readonly username?: string;
  readonly password?: string;
  /** Paths are relative to the working folder. */
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  readonly certificateAuthority?: string;
  readonly insecureSkipTlsVerify?: boolean;
  readonly tlsServerName?: string;
}

/** True for a text that is there and not empty. */
export function isGiven(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

/**
 * The cluster after the flags (client-go's `getCluster`): an authority or insecure-skip-tls-verify from a flag clears
 * what the file says of both, and --server clears the file's tls-server-name.
 */
export function overrideCluster(cluster: Cluster, overrides: Overrides): Cluster {
  const merged: Cluster = { ...cluster };
  const { server, certificateAuthority, tlsServerName } = overrides;
  if (isGiven(server)) {
    merged.server = server;
    delete merged['tls-server-name'];
  }
  if (isGiven(tlsServerName)) merged['tls-server-name'] = tlsServerName;
  if (overrides.insecureSkipTlsVerify === true || isGiven(certificateAuthority)) {
    delete merged['certificate-authority'];
    delete merged['certificate-authority-data'];
    merged['insecure-skip-tls-verify'] = overrides.insecureSkipTlsVerify === true;
    if (isGiven(certificateAuthority)) merged['certificate-authority'] = resolve(certificateAuthority);
  }
  return merged;
}

/**
 * The user after the flags (client-go's `getAuthInfo`): a certificate or key from a flag clears the inline one. Where
 * client-go would let the file's tokenFile win over --token, the flag wins here.
 */
export function overrideUser(user: AuthInfo, overrides: Overrides): AuthInfo {
  const merged: AuthInfo = { ...user };
  if (isGiven(overrides.clientCertificate)) {
    merged['client-certificate'] = resolve(overrides.clientCertificate);
    delete merged['client-certificate-data'];
  }
  if (isGiven(overrides.clientKey)) {
    merged['client-key'] = resolve(overrides.clientKey);
    delete merged['client-key-data'];
  }
  if (isGiven(overrides.token)) {
    merged.token = overrides.token;
    delete merged.tokenFile;
  }
  if (isGiven(overrides.username)) merged.username = overrides.username;
  if (isGiven(overrides.password)) merged.password = overrides.password;
  return merged;
}
