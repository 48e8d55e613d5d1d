import { issuerProblem } from '../lib/issuer-url.js';
import { isObject, type JsonObject } from '../lib/json.js';
import { readIdToken } from './id-token.js';
import { type PemSource, resolvePemSource } from './pem-source.js';

/** What the oidc auth provider needs to renew an ID token. Missing strings are empty. */
export interface OidcConfig {
  /** An https URL without user name, query or fragment, unchanged from the kubeconfig. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** A JWT, or empty. */
  readonly idToken: string;
  readonly refreshToken: string;
  /** The authority of the issuer's certificate, instead of the well-known ones. */
  readonly certificateAuthority?: PemSource;
}

/** Auth providers that client-go has removed, each with client-go's advice. */
const removed: Readonly<Record<string, string>> = {
  gcp: 'install gke-gcloud-auth-plugin and run "gcloud container clusters get-credentials CLUSTER", which writes an exec plugin',
  azure: 'install kubelogin and run "kubelogin convert-kubeconfig", which writes an exec plugin',
  openstack: 'configure client-keystone-auth as an exec plugin',
};

const textFields = [
  'idp-issuer-url',
  'client-id',
  'client-secret',
  'id-token',
  'refresh-token',
  'idp-certificate-authority',
  'idp-certificate-authority-data',
  'extra-scopes',
] as const;
type Fields = Partial<Record<(typeof textFields)[number], string>>;

/**
 * Reads a user's auth-provider. The only supported one is oidc. As in client-go (`plugin/pkg/client/auth/oidc`), extra-scopes is ignored,
 * and idp-certificate-authority is relative to the working folder. Problems begin with `label`, which names the user. They quote only the
 * provider's name and the issuer, if it has no user. With problems, the result is incomplete or undefined.
 */
export function parseOidcConfig(
  authProvider: JsonObject,
  label: string,
  problems: string[],
): OidcConfig | undefined {
  const report = (problem: string): void => {
    problems.push(`${label}: ${problem}`);
  };
  const { name } = authProvider;
  const config = authProvider['config'] ?? {};
  if (name !== 'oidc') report(whyNot(name));
  else if (!isObject(config)) report('config of the auth-provider is not a mapping');
  if (name !== 'oidc' || !isObject(config)) return undefined;
  const fields = readTexts(config, report);
  const { 'idp-issuer-url': issuer = '', 'client-id': clientId = '' } = fields;
  const { 'id-token': idToken = '', 'refresh-token': refreshToken = '' } = fields;
  // client-go would also send the secrets over http.
  const unusable = issuerProblem(issuer, 'idp-issuer-url');
  if (issuer === '') report('the oidc auth-provider has no idp-issuer-url');
  else if (unusable !== undefined) report(unusable);
  if (clientId === '') report('the oidc auth-provider has no client-id');
  if (idToken !== '' && readIdToken(idToken) === undefined) report('the id-token is not a JSON Web Token');
  if (idToken === '' && refreshToken === '') {
    report('the oidc auth-provider has neither an id-token nor a refresh-token; log in first');
  }
  const owner = { label, file: undefined };
  const certificateAuthority = resolvePemSource(fields, 'idp-certificate-authority', owner, problems);
  return {
    issuer,
    clientId,
    clientSecret: fields['client-secret'] ?? '',
    idToken,
    refreshToken,
    ...(certificateAuthority !== undefined && { certificateAuthority }),
  };
}

function whyNot(name: unknown): string {
  if (typeof name !== 'string' || name === '') return 'the auth-provider has no name';
  const advice = Object.hasOwn(removed, name) ? removed[name] : undefined;
  if (advice === undefined)
    return `no Auth Provider found for name ${JSON.stringify(name)}; the only one is oidc`;
  return `the ${name} auth plugin has been removed from Kubernetes' clients; ${advice}`;
}

function readTexts(config: JsonObject, report: (problem: string) => void): Fields {
  const fields: Fields = {};
  for (const field of textFields) {
    const value = config[field] ?? '';
    if (typeof value === 'string') fields[field] = value;
    else report(`${field} of the auth-provider is not a string`);
  }
  return fields;
}
