import { loadClientCertificate } from '../certificates/certificate-pair.js';
import { readIdToken } from '../kubeconfig/id-token.js';
import { urlOf } from '../kubeconfig/server-address.js';
import type { ClientConfig } from '../kubeconfig/types.js';
import { digest } from '../lib/json.js';
import { describeFileError, type ReadFile } from '../lib/read-file.js';
import {
  type Credential,
  type CredentialEvents,
  type CredentialSource,
  isBearerToken,
} from './credential.js';
import type { IssuerDial } from './oidc-request.js';

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
    refused: rereadFiles,
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

/** What a source of credentials needs besides the configuration. */
interface CredentialSourceOptions {
  /** PEM of the API server's authorities, for an exec plugin. */
  readonly certificateAuthority: Buffer | undefined;
  /** The environment that an exec plugin gets. */
  readonly env: NodeJS.ProcessEnv;
  readonly events: CredentialEvents;
  readonly rereadFiles: () => Promise<void>;
  /** The source that is in use. It is kept if the new one would be the same. */
  readonly before: CredentialSource | undefined;
}

/** Creates a source. Before this call nothing logs in, and the former source stays in use. */
type CreateSource = (options: CredentialSourceOptions) => CredentialSource;

/**
 * Reads the files of the source that the configuration names, and returns what creates it: a client certificate, and a bearer token (tokenFile wins over token) or basic
 * authentication. Problems are one line each and never contain a secret.
 *
 * @param dialIssuer Opens the connections to an OpenID Connect issuer, if the configuration names one.
 */
export async function prepareCredentialSource(
  config: ClientConfig,
  dialIssuer: IssuerDial,
  read: ReadFile,
): Promise<CreateSource | { readonly problems: readonly string[] }> {
  const { clientCertificate } = config;
  const parts = await Promise.all([
    loadAuthorization(config, read),
    clientCertificate === undefined ? {} : loadClientCertificate(clientCertificate, read),
  ]);
  let credential: Credential = {};
  const problems: string[] = [];
  for (const part of parts) {
    if ('problems' in part) problems.push(...part.problems);
    else credential = { ...credential, ...part };
  }
  if (problems.length > 0) return { problems };
  return loadSource(config, credential, dialIssuer);
}

/**
 * A token or basic authentication in the kubeconfig wins over a login, as in client-go. The code for a login is loaded only if it is
 * needed: undici, for example, takes 14 MB of memory and 50 ms at start.
 */
async function loadSource(
  config: ClientConfig,
  base: Credential,
  dialIssuer: IssuerDial,
): Promise<CreateSource> {
  const { exec, oidc } = config;
  if (base.authorization === undefined && exec !== undefined) {
    const [{ createExecSource }, { createExecInfo }] = await Promise.all([
      import('./exec-plugin.js'),
      import('./exec-credential.js'),
    ]);
    return ({ certificateAuthority, env, events, before }) => {
      const made = {
        ...{ config: exec, base, server: urlOf(config.server) },
        info: createExecInfo(exec, config, certificateAuthority),
      };
      return keepUnchanged(before, made, () => createExecSource({ ...made, events, env }));
    };
  }
  if (base.authorization === undefined && oidc !== undefined) {
    const { createOidcSource } = await import('./oidc.js');
    return ({ events, before }) =>
      keepUnchanged(before, { oidc, base }, () =>
        createOidcSource({ config: oidc, base, events, dial: dialIssuer }),
      );
  }
  return options => createStaticSource(base, options);
}

/** A digest of each source's configuration. It is compared so that a reload without a change does not cause another login. */
const madeFrom = new WeakMap<CredentialSource, string>();

function keepUnchanged(
  before: CredentialSource | undefined,
  ingredients: object,
  create: () => CredentialSource,
): CredentialSource {
  const key = digest(ingredients);
  if (before !== undefined && madeFrom.get(before) === key) return before;
  const source = create();
  madeFrom.set(source, key);
  return source;
}

type Authorization = Pick<Credential, 'authorization'> | { readonly problems: readonly string[] };

async function loadAuthorization(config: ClientConfig, read: ReadFile): Promise<Authorization> {
  if (config.tokenFile !== undefined) return loadTokenFile(config.tokenFile, read);
  if (config.token !== undefined) return bearer(config.token, 'token');
  if (config.username === undefined && config.password === undefined) return {};
  const pair = `${config.username ?? ''}:${config.password ?? ''}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

async function loadTokenFile(file: string, read: ReadFile): Promise<Authorization> {
  try {
    const token = (await read(file)).toString().trim();
    return token === '' ? { problems: [`tokenFile ${file} is empty`] } : bearer(token, `tokenFile ${file}`);
  } catch (error) {
    return { problems: [`tokenFile ${file}: ${describeFileError(error)}`] };
  }
}

function bearer(token: string, name: string): Authorization {
  if (isBearerToken(token)) return { authorization: `Bearer ${token}` };
  return { problems: [`${name} has a space, a line break or another character that a token cannot have`] };
}
