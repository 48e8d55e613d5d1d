import { resolve } from 'node:path';
import type { AuthInfo, Cluster } from './types.js';

/** The flags that win over the kubeconfig's impersonation. An empty string or list means that the flag is not set. */
export interface ImpersonationOverrides {
  readonly as?: string;
  readonly asUid?: string;
  readonly asGroup?: readonly string[];
  /** `KEY=VALUE`, split at the first `=`. If a key is repeated, it has several values. */
  readonly asUserExtra?: readonly string[];
}

/** The flags that win over the kubeconfig. An empty string means that the flag is not set, as in client-go. */
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
  readonly proxyUrl?: string;
}

/** Whether the string is neither undefined nor empty. */
export function isSet(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

/**
 * The cluster with the flags applied (client-go's `getCluster`). A flag for the authority or for insecure-skip-tls-verify clears both
 * values from the file, and --server clears the file's tls-server-name.
 */
export function overrideCluster(cluster: Cluster, overrides: Overrides): Cluster {
  const merged: Cluster = { ...cluster };
  const { server, certificateAuthority, tlsServerName } = overrides;
  if (isSet(server)) {
    merged.server = server;
    delete merged['tls-server-name'];
  }
  if (isSet(tlsServerName)) merged['tls-server-name'] = tlsServerName;
  if (overrides.insecureSkipTlsVerify === true || isSet(certificateAuthority)) {
    delete merged['certificate-authority'];
    delete merged['certificate-authority-data'];
    merged['insecure-skip-tls-verify'] = overrides.insecureSkipTlsVerify === true;
    if (isSet(certificateAuthority)) merged['certificate-authority'] = resolve(certificateAuthority);
  }
  return merged;
}

/**
 * The user with the flags applied (client-go's `getAuthInfo`). A flag for a certificate or key clears the inline value. In client-go the
 * file's tokenFile wins over --token; here the flag wins.
 */
export function overrideUser(user: AuthInfo, overrides: Overrides): AuthInfo {
  const merged: AuthInfo = { ...user };
  if (isSet(overrides.clientCertificate)) {
    merged['client-certificate'] = resolve(overrides.clientCertificate);
    delete merged['client-certificate-data'];
  }
  if (isSet(overrides.clientKey)) {
    merged['client-key'] = resolve(overrides.clientKey);
    delete merged['client-key-data'];
  }
  if (isSet(overrides.token)) {
    merged.token = overrides.token;
    delete merged.tokenFile;
  }
  if (isSet(overrides.username)) merged.username = overrides.username;
  if (isSet(overrides.password)) merged.password = overrides.password;
  return merged;
}
