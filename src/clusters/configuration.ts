import { loadCertificateAuthority } from '../certificates/certificate-authority.js';
import type { CredentialEvents, CredentialSource } from '../credentials/credential.js';
import { prepareCredentialSource } from '../credentials/select.js';
import { isSet, type Overrides } from '../kubeconfig/overrides.js';
import { resolveClientConfig } from '../kubeconfig/resolve.js';
import type { ClientConfig, Kubeconfig } from '../kubeconfig/types.js';
import type { ReadFile } from '../lib/read-file.js';
import type { EndpointIdentity } from '../transport/access.js';
import { createIssuerDial } from '../transport/dial/issuer-dial.js';
import { selectProxy } from '../transport/dial/proxy-selection.js';
import { type Endpoint, identityOf } from './endpoint.js';

/** What the configuration of a cluster is made from, besides the kubeconfig. */
export interface ConfigurationOptions {
  /** The environment of the process. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly overrides: Overrides;
  readonly events: CredentialEvents;
  /** Returns why the configuration does not fit the rest of the program; undefined if it does. */
  readonly refuse?: ((config: ClientConfig) => string | undefined) | undefined;
  /** Looks at the files now, before the next regular look. */
  readonly rereadFiles: () => Promise<void>;
}

/**
 * Makes the configuration of a cluster from the kubeconfig, the flags, and the files that these name. A part that has state and has not
 * changed, such as an exec plugin's cached answer, is kept from the previous endpoint. So is the context, if no flag names it:
 * `kubectl config use-context` must not move requests to another cluster. Returns all problems together, one line each.
 */
export async function loadConfiguration(
  kubeconfig: Kubeconfig,
  { env, overrides, events, rereadFiles, refuse }: ConfigurationOptions,
  read: ReadFile,
  before?: Endpoint,
): Promise<Endpoint | { readonly problems: readonly string[] }> {
  const kept = before?.context || undefined;
  if (kept !== undefined && !isSet(overrides.context) && !kubeconfig.contexts.has(kept)) {
    const files = kubeconfig.files.join(', ');
    return {
      problems: [`context ${JSON.stringify(kept)}, which is in use since the start, is gone from ${files}`],
    };
  }
  const chosen = isSet(overrides.context) ? overrides.context : (kept ?? kubeconfig.currentContext);
  const resolved = resolveClientConfig({ ...kubeconfig, currentContext: chosen }, overrides);
  if ('problems' in resolved) return resolved;
  const context = chosen !== undefined && kubeconfig.contexts.has(chosen) ? chosen : '';
  const prepared = await prepareEndpoint(resolved.config, { context, env, refuse }, read);
  return 'problems' in prepared ? prepared : prepared.create({ events, rereadFiles, before: before?.source });
}

/** A configuration that can be used, as far as this can be said without a connection. */
export interface PreparedEndpoint {
  readonly identity: EndpointIdentity;
  /** @param parts What only its cluster knows. `before` is the source that is in use: it is kept if the new one would be the same. */
  create(
    parts: Pick<ConfigurationOptions, 'events' | 'rereadFiles'> & {
      readonly before: CredentialSource | undefined;
    },
  ): Endpoint;
}

/** Reads the files that a configuration names, and checks it. Returns all problems together, one line each. */
export async function prepareEndpoint(
  config: ClientConfig,
  {
    env,
    refuse,
    ...given
  }: Pick<ConfigurationOptions, 'env' | 'refuse'> & Pick<Endpoint, 'context' | 'outbound' | 'refuseAddress'>,
  read: ReadFile,
): Promise<PreparedEndpoint | { readonly problems: readonly string[] }> {
  const trusted = await loadCertificateAuthority(config.certificateAuthority, read);
  const prepared = await prepareCredentialSource(config, createIssuerDial(env), read);
  const proxied = selectProxy(config.server, {
    proxyUrl: config.proxyUrl?.url ?? '',
    name: config.proxyUrl?.name ?? 'proxy-url',
    environment: env,
  });
  const refusal = refuse?.(config);
  if ('problems' in prepared || 'problems' in trusted || 'problem' in proxied || refusal !== undefined) {
    const problems = [prepared, trusted].flatMap(part => ('problems' in part ? part.problems : []));
    if ('problem' in proxied) problems.push(proxied.problem);
    return { problems: refusal === undefined ? problems : [...problems, refusal] };
  }
  const { certificateAuthority } = trusted;
  const { proxy } = proxied;
  // What is kept of a cluster that nobody uses has each certificate once.
  const { certificateAuthority: _authority, clientCertificate: _certificate, ...rest } = config;
  const known = { ...given, config: rest, certificateAuthority, proxy };
  const identity = identityOf(known);
  return {
    identity,
    create: parts => ({ ...known, identity, source: prepared({ certificateAuthority, env, ...parts }) }),
  };
}
