import type { UserInfo } from '../kubernetes/user-info.js';
import type { JsonObject } from '../lib/json.js';
import type { OidcConfig } from './auth-provider.js';
import type { ExecConfig } from './exec-config.js';
import type { PemSource } from './pem-source.js';

/**
 * The kubeconfig as it is in files, and the flat configuration that the rest of the program uses. Field names are those of client-go's
 * `clientcmd/api/v1`.
 */

/** What a field may be, in the words of messages, and the type of its value. */
interface FieldValues {
  'a string': string;
  'true or false': boolean;
  'a mapping': JsonObject;
  'a list of strings': string[];
  'a mapping to lists of strings': Record<string, string[]>;
  anything: unknown;
}
export type FieldShape = keyof FieldValues;
/** The fields of an entry that are read. */
export type Fields = Readonly<Record<string, FieldShape>>;
/** An entry with these fields, each of which may be missing. */
export type Entry<F extends Fields> = { -readonly [Name in keyof F]?: FieldValues[F[Name]] };

export const clusterFields = {
  server: 'a string',
  'tls-server-name': 'a string',
  'insecure-skip-tls-verify': 'true or false',
  'certificate-authority': 'a string',
  'certificate-authority-data': 'a string',
  'proxy-url': 'a string',
  'disable-compression': 'true or false',
  /** A list of `{name, extension}`. Its structure is not checked, because most extensions are for other programs. */
  extensions: 'anything',
} as const satisfies Fields;
export type Cluster = Entry<typeof clusterFields>;

export const userFields = {
  'client-certificate': 'a string',
  'client-certificate-data': 'a string',
  'client-key': 'a string',
  'client-key-data': 'a string',
  token: 'a string',
  tokenFile: 'a string',
  username: 'a string',
  password: 'a string',
  as: 'a string',
  'as-uid': 'a string',
  'as-groups': 'a list of strings',
  'as-user-extra': 'a mapping to lists of strings',
  exec: 'a mapping',
  'auth-provider': 'a mapping',
} as const satisfies Fields;
export type AuthInfo = Entry<typeof userFields>;

export const contextFields = {
  cluster: 'a string',
  user: 'a string',
  namespace: 'a string',
} as const satisfies Fields;
export type Context = Entry<typeof contextFields>;

/** How a caller of the proxy authenticates by one method, as an entry for the caller's own kubeconfig. */
export interface CallerEntry {
  /** Words in capitals are placeholders for what only the caller knows. */
  readonly fields: AuthInfo;
  /** The fields for clients that sign people in themselves; undefined if they need no issuer. */
  readonly signInFields?: AuthInfo;
  /** Whether the entry has no placeholders. */
  readonly isComplete: boolean;
  /** Whether each cluster has its own credentials, and so needs its own user. */
  readonly isPerCluster: boolean;
  /** What a reader of the entry has to know. */
  readonly note?: string;
}

/** A named entry and its file. Relative paths in it are relative to that file's folder. */
export interface Named<T> {
  readonly value: T;
  readonly file: string;
}

/** The merged files of a KUBECONFIG list: the first file wins for each name. */
export interface Kubeconfig {
  /** The files that were read, in order. */
  readonly files: readonly string[];
  /** All files that may contain a part of it, in order. */
  readonly candidates: readonly string[];
  readonly currentContext: string | undefined;
  readonly clusters: ReadonlyMap<string, Named<Cluster>>;
  readonly users: ReadonlyMap<string, Named<AuthInfo>>;
  readonly contexts: ReadonlyMap<string, Named<Context>>;
}

/** The address of the API server. `path` has no trailing slash. It is empty if the server URL has no path. */
export interface ServerAddress {
  readonly protocol: 'https:' | 'http:';
  /** Host name or IP address; an IPv6 address has no brackets. */
  readonly hostname: string;
  readonly port: number;
  readonly path: string;
}

/** One context with flags and files applied: everything that is needed to reach one API server. */
export interface ClientConfig {
  readonly server: ServerAddress;
  readonly certificateAuthority?: PemSource | undefined;
  readonly insecureSkipTlsVerify: boolean;
  readonly tlsServerName?: string | undefined;
  readonly clientCertificate?: { readonly certificate: PemSource; readonly key: PemSource } | undefined;
  readonly token?: string | undefined;
  /** Absolute path; its content wins over `token`. */
  readonly tokenFile?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** The user that requests act as, instead of the identity that authenticates. */
  readonly impersonation?: UserInfo | undefined;
  readonly exec?: ExecConfig | undefined;
  /** The value of the cluster's extension `client.authentication.k8s.io/exec`, for the plugin. */
  readonly execClusterConfig?: unknown;
  readonly oidc?: OidcConfig | undefined;
  /** The cluster's proxy-url, and its name for messages. */
  readonly proxyUrl?: { readonly url: string; readonly name: string } | undefined;
  readonly disableCompression?: boolean | undefined;
}
