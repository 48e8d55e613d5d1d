import { loadCertificateAuthority } from '../credentials/certificate-authority.js';
import type { CredentialEvents } from '../credentials/credential-source.js';
import { prepareCredentialSource } from '../credentials/select.js';
import { type ContextSummary, summarizeContexts } from '../kubeconfig/contexts.js';
import { inClusterKubeconfig, serviceAccountDirectory } from '../kubeconfig/in-cluster.js';
import {
  type KubeconfigLocation,
  kubeconfigFiles,
  loadKubeconfig,
  type ReadText,
} from '../kubeconfig/load.js';
import { isSet, type Overrides } from '../kubeconfig/overrides.js';
import type { PemSource } from '../kubeconfig/pem-source.js';
import { isEmpty, resolveClientConfig } from '../kubeconfig/resolve.js';
import type { ClientConfig, Kubeconfig } from '../kubeconfig/types.js';
import { readWhole } from '../lib/read-file.js';
import { createIssuerDial } from '../transport/dial/issuer-dial.js';
import { selectProxy } from '../transport/dial/proxy-selection.js';
import { type Endpoint, identityOf } from './endpoint.js';

/** The result of the kubeconfig, the flags, and the files that they name. */
export interface Configuration extends Endpoint {
  /** All files that were read or were missing. If one of them changes, the configuration changes. */
  readonly files: readonly string[];
  /** Whether there was a kubeconfig with content, and not only flags or a Pod's service account. */
  readonly hasKubeconfig: boolean;
  readonly contexts: readonly ContextSummary[];
}

/** The problems of a configuration, and its files as far as they are known: a change of one of them may solve the problems. */
interface Unusable {
  readonly problems: readonly string[];
  readonly files?: readonly string[];
  readonly contexts?: readonly ContextSummary[];
}

/** What a configuration is read from. */
export interface ConfigurationOptions {
  readonly location: KubeconfigLocation;
  /** The environment of the process. In a Pod it names the API server. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly overrides: Overrides;
  readonly events: CredentialEvents;
  /** Returns why the configuration does not fit the rest of the program; undefined if it does. */
  readonly refuse?: (config: ClientConfig) => string | undefined;
  /** The last kubeconfig that could be read. All contexts share it. */
  readonly lastGood?: { kubeconfig: Kubeconfig | undefined };
  /** Checks the files now, before their next regular check. */
  readonly rereadFiles: () => Promise<void>;
}

/**
 * Reads everything again. A part that has state and has not changed, such as an exec plugin's cached answer, is kept from the previous
 * configuration. Returns all problems together, one line each.
 */
export async function loadConfiguration(
  { location, env, overrides, events, rereadFiles, refuse, lastGood }: ConfigurationOptions,
  before?: Configuration,
): Promise<Configuration | Unusable> {
  const read = await loadKubeconfig(location, await readTexts(kubeconfigFiles(location)));
  const isUsable = !('problems' in read) && !isEmpty(read.kubeconfig);
  if (lastGood !== undefined && isUsable) lastGood.kubeconfig = read.kubeconfig;
  // While the file is broken, a context that was not used yet gets its last valid version, like the contexts in use.
  const former = before === undefined && !isUsable ? lastGood?.kubeconfig : undefined;
  const loaded = former === undefined ? read : { kubeconfig: former };
  if ('problems' in loaded) return loaded;
  const hasKubeconfig = !isEmpty(loaded.kubeconfig);
  if (before?.hasKubeconfig && !hasKubeconfig) {
    // The file is probably being rewritten. Without it, the proxy would have another identity, or none.
    return { problems: [`the kubeconfig is empty now: ${loaded.kubeconfig.candidates.join(', ')}`] };
  }
  const inCluster =
    loaded.kubeconfig.files.length === 0 && !isSet(overrides.server)
      ? inClusterKubeconfig(env, serviceAccountDirectory)
      : undefined;
  const kubeconfig = inCluster ?? loaded.kubeconfig;
  const contexts = await summarizeContexts(kubeconfig);
  const resolved = resolveClientConfig(kubeconfig, overrides);
  if ('problems' in resolved) return { ...resolved, contexts };
  const { config } = resolved;
  const trusted = await loadCertificateAuthority(config.certificateAuthority);
  const prepared = await prepareCredentialSource(config, createIssuerDial(env));
  const proxied = selectProxy(config.server, {
    proxyUrl: config.proxyUrl?.url ?? '',
    name: config.proxyUrl?.name ?? 'proxy-url',
    environment: env,
  });
  const files = [...loaded.kubeconfig.candidates, ...kubeconfig.files, ...filesOf(config)];
  const refusal = refuse?.(config);
  if ('problems' in prepared || 'problems' in trusted || 'problem' in proxied || refusal !== undefined) {
    const problems = [prepared, trusted].flatMap(part => ('problems' in part ? part.problems : []));
    if ('problem' in proxied) problems.push(proxied.problem);
    return { problems: refusal === undefined ? problems : [...problems, refusal], files, contexts };
  }
  const { certificateAuthority } = trusted;
  const source = prepared({ certificateAuthority, env, events, rereadFiles, before: before?.source });
  const chosen = isSet(overrides.context) ? overrides.context : (kubeconfig.currentContext ?? '');
  const context = kubeconfig.contexts.has(chosen) ? chosen : '';
  const { proxy } = proxied;
  return {
    context,
    config,
    certificateAuthority,
    source,
    proxy,
    identity: identityOf({ context, config, certificateAuthority, proxy }),
    files,
    hasKubeconfig,
    contexts,
  };
}

/** Reads files in advance, without blocking: a slow file must not stop the whole process. */
async function readTexts(files: readonly string[]): Promise<ReadText> {
  const read = await Promise.allSettled(files.map(file => readWhole(file)));
  const results = new Map(files.map((file, index) => [file, read[index]]));
  return file => {
    const result = results.get(file);
    if (result?.status === 'fulfilled') return result.value.toString();
    throw result?.reason;
  };
}

function filesOf({ certificateAuthority, clientCertificate, tokenFile }: ClientConfig): string[] {
  const sources: (PemSource | undefined)[] = [
    certificateAuthority,
    clientCertificate?.certificate,
    clientCertificate?.key,
    tokenFile === undefined ? undefined : { file: tokenFile },
  ];
  return sources.flatMap(source => (source !== undefined && 'file' in source ? [source.file] : []));
}
