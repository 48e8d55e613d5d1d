import {
  address,
  bool,
  cipherSuites,
  count,
  duration,
  keepAlive,
  names,
  oneOf,
  optionalBool,
  optionalPort,
  originList,
  pathPrefix,
  perSecond,
  port,
  processCount,
  regexpList,
  resourceList,
  text,
  texts,
  timeout,
  type ValueType,
} from './value-type.js';

/** The headings of --help, in its order. */
export type OptionGroup =
  | 'Listening'
  | 'Authentication'
  | 'Filter'
  | 'Fair shares'
  | 'API server'
  | 'Credentials'
  | 'Logging'
  | 'Audit'
  | 'General';

/** One option: how its text is read, its default as one would write it, and one sentence about it. */
export interface OptionDefinition<T> {
  readonly type: ValueType<T>;
  readonly short?: string;
  readonly default: string;
  readonly group: OptionGroup;
  readonly help: string;
  /** Given as a flag only: neither the environment nor the file can set it. */
  readonly flagOnly?: true;
}

function define<T>(definition: OptionDefinition<T>): OptionDefinition<T> {
  return definition;
}

/**
 * Every option. The key is the field of `Options`; the flag is the key in kebab-case, the environment variable is
 * KUBE_API_PROXY_ and the flag in capitals. Names, letters, defaults and meanings are those of kubectl 1.32.
 */
export const optionTable = {
  port: define({
    type: port,
    short: 'p',
    default: '8001',
    group: 'Listening',
    help: 'Port to listen on; 0 picks a free one.',
  }),
  address: define({
    type: address,
    default: '127.0.0.1',
    group: 'Listening',
    help: 'IP address to listen on.',
  }),
  unixSocket: define({
    type: text('FILE'),
    short: 'u',
    default: '',
    group: 'Listening',
    help: 'Unix socket to listen on instead of a port, open to its owner only.',
  }),
  apiPrefix: define({
    type: pathPrefix,
    default: '/',
    group: 'Listening',
    help: 'Prefix to serve the API under.',
  }),
  www: define({
    type: text('FOLDER'),
    short: 'w',
    default: '',
    group: 'Listening',
    help: 'Also serve the static files of this folder, under --www-prefix.',
  }),
  wwwPrefix: define({
    type: pathPrefix,
    short: 'P',
    default: '/static/',
    group: 'Listening',
    help: 'Prefix to serve static files under.',
  }),
  tlsCertFile: define({
    type: text('FILE'),
    default: '',
    group: 'Listening',
    help: 'Certificate to serve HTTPS with, and its chain; HTTP/2 and HTTP/1.1 then, and no plain HTTP.',
  }),
  tlsPrivateKeyFile: define({
    type: text('FILE'),
    default: '',
    group: 'Listening',
    help: 'Private key of --tls-cert-file.',
  }),
  tlsMinVersion: define({
    type: oneOf('VersionTLS12', 'VersionTLS13'),
    default: 'VersionTLS12',
    group: 'Listening',
    help: 'Least version of TLS to serve.',
  }),
  tlsCipherSuites: define({
    type: cipherSuites,
    default: '',
    group: 'Listening',
    help: "Cipher suites to serve TLS 1.2 with, by Go's names; by default those with ECDHE and GCM or ChaCha20.",
  }),
  adminPort: define({
    type: optionalPort,
    default: '',
    group: 'Listening',
    help: "Port of a second listener with the proxy's own /metrics, /livez and /readyz, and nothing else; none by default.",
  }),
  adminAddress: define({
    type: address,
    default: '0.0.0.0',
    group: 'Listening',
    help: 'IP address that --admin-port listens on.',
  }),
  workers: define({
    type: processCount,
    default: '1',
    group: 'Listening',
    help: 'Processes that share the port and the work; 0 is one for each core.',
  }),
  shutdownDelay: define({
    type: duration,
    default: '0s',
    group: 'Listening',
    help: 'How long /readyz fails after SIGTERM or SIGINT before anything is drained, so that load balancers notice.',
  }),
  shutdownGrace: define({
    type: duration,
    default: '5s',
    group: 'Listening',
    help: 'How long requests may take to finish after SIGTERM or SIGINT.',
  }),
  clientCaFile: define({
    type: text('FILE'),
    default: '',
    group: 'Authentication',
    help: 'Authorities of client certificates; who presents one is its CN, in the groups of its O. Needs --tls-cert-file.',
  }),
  insecureAllowUnauthenticated: define({
    type: bool,
    default: 'false',
    group: 'Authentication',
    help: "Listen beyond loopback although everyone there is the kubeconfig's user.",
  }),
  acceptHosts: define({
    type: regexpList,
    default: '^localhost$,^127\\.0\\.0\\.1$,^\\[::1\\]$',
    group: 'Filter',
    help: 'Hosts (without port) that requests may name in their Host header.',
  }),
  acceptPaths: define({
    type: regexpList,
    default: '^.*',
    group: 'Filter',
    help: 'Paths that are let through.',
  }),
  rejectPaths: define({
    type: regexpList,
    default: '^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach',
    group: 'Filter',
    help: 'Paths that are refused, even when --accept-paths names them.',
  }),
  rejectMethods: define({
    type: regexpList,
    default: '^$',
    group: 'Filter',
    help: 'HTTP methods that are refused, such as POST,PUT,PATCH,DELETE.',
  }),
  readOnly: define({
    type: bool,
    default: 'false',
    group: 'Filter',
    help: 'Let only get, list, watch and access reviews through: no write, no exec, attach, port-forward or proxy.',
  }),
  acceptNamespaces: define({
    type: regexpList,
    default: '.*',
    group: 'Filter',
    help: 'Namespaces that requests may be in, by their whole names; any but the default refuses what is in no namespace too.',
  }),
  rejectResources: define({
    type: resourceList,
    default: '',
    group: 'Filter',
    help: 'Resources that are refused, as RESOURCE[.GROUP][/SUBRESOURCE], such as secrets,pods/exec,*.example.com.',
  }),
  corsAllowedOrigins: define({
    type: originList,
    default: '',
    group: 'Filter',
    help: 'Origins of web pages that may use the API from a browser, such as ^https://app\\.example$; each pins both ends of the host.',
  }),
  sandboxProxiedPages: define({
    type: optionalBool,
    default: '',
    group: 'Filter',
    help: 'Sandbox pages that Pods, Services and nodes serve through their proxy subresource: another origin for browsers; by default where callers are authenticated.',
  }),
  disableFilter: define({
    type: bool,
    default: 'false',
    group: 'Filter',
    help: 'Let every request through; any web page can then use a port that its reader can reach.',
  }),
  tokenAuthFile: define({
    type: text('FILE'),
    default: '',
    group: 'Authentication',
    help: 'Bearer tokens of callers, one a line: token,user,uid,"group1,group2"; requests then act as their caller.',
  }),
  oidcIssuerUrl: define({
    type: text('URL'),
    default: '',
    group: 'Authentication',
    help: 'OpenID Connect issuer whose id-tokens are taken from callers; https, and exactly as in their iss.',
  }),
  oidcClientId: define({
    type: text('ID'),
    default: '',
    group: 'Authentication',
    help: 'Audience that id-tokens must have.',
  }),
  oidcUsernameClaim: define({
    type: text('CLAIM'),
    default: 'sub',
    group: 'Authentication',
    help: "Claim that is the caller's name.",
  }),
  oidcUsernamePrefix: define({
    type: text('PREFIX'),
    default: '',
    group: 'Authentication',
    help: "What is put in front of names: by default the issuer's URL and #, nothing for emails; - is nothing.",
  }),
  oidcGroupsClaim: define({
    type: text('CLAIM'),
    default: '',
    group: 'Authentication',
    help: "Claim that is the caller's groups, a text or a list of texts.",
  }),
  oidcGroupsPrefix: define({
    type: text('PREFIX'),
    default: '',
    group: 'Authentication',
    help: 'What is put in front of groups.',
  }),
  oidcRequiredClaim: define({
    type: texts('KEY=VALUE'),
    default: '',
    group: 'Authentication',
    help: 'Claim that id-tokens must have, with its value; can be repeated.',
  }),
  oidcSigningAlgs: define({
    type: names,
    default: 'RS256',
    group: 'Authentication',
    help: 'JOSE algorithms that id-tokens may be signed with: RS, ES or PS with 256, 384 or 512.',
  }),
  oidcCaFile: define({
    type: text('FILE'),
    default: '',
    group: 'Authentication',
    help: "Certificates that the issuer's certificate is checked against; by default the well-known ones.",
  }),
  authenticationTokenWebhook: define({
    type: bool,
    default: 'false',
    group: 'Authentication',
    help: "Have the API server say whose callers' bearer tokens are (TokenReview), such as those of service accounts.",
  }),
  authenticationTokenWebhookCacheTtl: define({
    type: duration,
    default: '2m',
    group: 'Authentication',
    help: "How long the API server's word on a token counts, though never longer than the token; for a bad one at most 10s.",
  }),
  apiAudiences: define({
    type: names,
    default: '',
    group: 'Authentication',
    help: 'Audiences of which a token must be for one, for --authentication-token-webhook; by default the API server itself.',
  }),
  allowSystemIdentities: define({
    type: names,
    default: '',
    group: 'Authentication',
    help: 'Names and groups beginning with system: that callers may have all the same, such as system:masters.',
  }),
  maxRequestsInflight: define({
    type: count,
    default: '400',
    group: 'Fair shares',
    help: 'Requests that are served at a time, long-running ones not counted; more are answered 429. 0 is no limit.',
  }),
  maxLongrunningRequests: define({
    type: count,
    default: '5000',
    group: 'Fair shares',
    help: 'Long-running requests (watch, exec, logs, …) and upgrades that are open at a time; 0 is no limit.',
  }),
  maxRequestsInflightPerUser: define({
    type: count,
    default: '0',
    group: 'Fair shares',
    help: 'The same as --max-requests-inflight, for each user by itself; 0 is no limit.',
  }),
  maxLongrunningRequestsPerUser: define({
    type: count,
    default: '0',
    group: 'Fair shares',
    help: 'The same as --max-longrunning-requests, for each user by itself; 0 is no limit.',
  }),
  rateLimit: define({
    type: perSecond,
    default: '0',
    group: 'Fair shares',
    help: 'Requests a second that each user may send, of any kind; 0 is no limit.',
  }),
  rateLimitBurst: define({
    type: count,
    default: '100',
    group: 'Fair shares',
    help: 'Requests that a user may send at once after a pause, before --rate-limit counts.',
  }),
  kubeconfig: define({
    type: text('FILE'),
    default: '',
    group: 'API server',
    help: 'Kubeconfig file; without it the files in KUBECONFIG, else ~/.kube/config.',
  }),
  context: define({
    type: text('NAME'),
    default: '',
    group: 'API server',
    help: 'Context of the kubeconfig to use instead of its current one.',
  }),
  cluster: define({
    type: text('NAME'),
    default: '',
    group: 'API server',
    help: "Cluster of the kubeconfig to use instead of the context's.",
  }),
  server: define({
    type: text('URL'),
    short: 's',
    default: '',
    group: 'API server',
    help: 'Address and port of the API server.',
  }),
  certificateAuthority: define({
    type: text('FILE'),
    default: '',
    group: 'API server',
    help: "Certificates that the API server's certificate is checked against.",
  }),
  tlsServerName: define({
    type: text('NAME'),
    default: '',
    group: 'API server',
    help: "Name that the API server's certificate must have, instead of the host of its address.",
  }),
  insecureSkipTlsVerify: define({
    type: bool,
    default: 'false',
    group: 'API server',
    help: "Do not check the API server's certificate; anyone between can then read and change everything.",
  }),
  requestTimeout: define({
    type: timeout,
    default: '0',
    group: 'API server',
    help: 'How long one request to the API server may take, with a unit or in seconds; 0 is for ever.',
  }),
  keepalive: define({
    type: keepAlive,
    default: '0s',
    group: 'API server',
    help: 'Interval of TCP keep-alive probes; 0s is 15s, a negative one turns them off.',
  }),
  appendServerPath: define({
    type: bool,
    default: 'false',
    group: 'API server',
    help: "Put the path of the API server's address before the path of each request.",
  }),
  user: define({
    type: text('NAME'),
    default: '',
    group: 'Credentials',
    help: "User of the kubeconfig to use instead of the context's.",
  }),
  clientCertificate: define({
    type: text('FILE'),
    default: '',
    group: 'Credentials',
    help: 'Client certificate for TLS, with its chain.',
  }),
  clientKey: define({
    type: text('FILE'),
    default: '',
    group: 'Credentials',
    help: 'Private key of the client certificate.',
  }),
  token: define({
    type: text('TOKEN'),
    default: '',
    group: 'Credentials',
    help: 'Bearer token for the API server.',
  }),
  username: define({
    type: text('NAME'),
    default: '',
    group: 'Credentials',
    help: 'User name for basic authentication to the API server.',
  }),
  password: define({
    type: text('PASSWORD'),
    default: '',
    group: 'Credentials',
    help: 'Password for basic authentication to the API server.',
  }),
  as: define({
    type: text('USER'),
    default: '',
    group: 'Credentials',
    help: 'User to impersonate with every request; clients cannot impersonate anybody then.',
  }),
  asGroup: define({
    type: texts('GROUP'),
    default: '',
    group: 'Credentials',
    help: 'Group to impersonate; can be repeated.',
  }),
  asUid: define({
    type: text('UID'),
    default: '',
    group: 'Credentials',
    help: 'UID to impersonate.',
  }),
  asUserExtra: define({
    type: texts('KEY=VALUE'),
    default: '',
    group: 'Credentials',
    help: 'Extra user information to impersonate; can be repeated.',
  }),
  logLevel: define({
    type: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    default: 'info',
    group: 'Logging',
    help: 'Least level that is logged; each request is one line at info.',
  }),
  logRequests: define({
    type: oneOf('all', 'errors', 'none'),
    default: 'all',
    group: 'Logging',
    help: 'Which requests have a line: all, those that failed or ended with 4xx or 5xx, or none.',
  }),
  logFormat: define({
    type: oneOf('auto', 'json', 'pretty'),
    default: 'auto',
    group: 'Logging',
    help: 'Format of the log: json has every field, pretty one short line for each event; auto is pretty on a terminal, else json.',
  }),
  auditLogPath: define({
    type: text('FILE'),
    default: '',
    group: 'Audit',
    help: "File that who did what is appended to, one audit.k8s.io/v1 Event a line; '-' is standard output, none by default.",
  }),
  auditLogMaxsize: define({
    type: count,
    default: '100',
    group: 'Audit',
    help: 'Megabytes at which the file is renamed, its name with the time, and another one begun; 0 is never.',
  }),
  auditLogMaxbackup: define({
    type: count,
    default: '0',
    group: 'Audit',
    help: 'Renamed files that are kept, the latest ones; 0 keeps all.',
  }),
  config: define({
    type: text('FILE'),
    default: '',
    group: 'General',
    help: 'YAML file with flag names as keys.',
  }),
  help: define({
    type: bool,
    short: 'h',
    default: 'false',
    group: 'General',
    flagOnly: true,
    help: 'Print this text and exit.',
  }),
  version: define({
    type: bool,
    default: 'false',
    group: 'General',
    flagOnly: true,
    help: 'Print the version and exit.',
  }),
} as const;

type OptionTable = typeof optionTable;

/** A field of `Options`. */
export type OptionKey = keyof OptionTable;

/**
 * The value of every option. Durations are milliseconds, prefixes have both slashes, texts that were not given are
 * empty; the regular expressions are their sources, known to compile.
 */
export type Options = {
  readonly [K in OptionKey]: OptionTable[K] extends OptionDefinition<infer T> ? T : never;
};

/** The option's name on the command line without its dashes, and in the configuration file. */
export function flagName(key: OptionKey): string {
  return key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
}

/** Every option's key by its flag name, in the table's order. */
export const optionKeys: ReadonlyMap<string, OptionKey> = new Map(
  (Object.keys(optionTable) as OptionKey[]).map(key => [flagName(key), key]),
);

/** The option's definition, whatever its value's type. */
export function definitionOf(key: OptionKey): OptionDefinition<Options[OptionKey]> {
  return optionTable[key];
}
