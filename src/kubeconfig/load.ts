import { resolve } from 'node:path';
import { isObject } from '../lib/json.js';
import { describeFileError, type ReadFile, readRegular } from '../lib/read-file.js';
import { parseYaml } from '../lib/yaml-document.js';
import { type KubeconfigContent, parseKubeconfig } from './parse.js';
import type { AuthInfo, Cluster, Context, Kubeconfig, Named } from './types.js';

/**
 * The file of kubectl's preferences (kuberc, kubectl 1.35), if it says which credential plugins kubectl may run. Undefined for any other one,
 * and for one that cannot be read. `env` is the variable KUBERC; `off` means no file.
 */
export async function pluginPolicyFile({
  env = '',
  homedir,
}: Omit<KubeconfigLocation, 'flag'>): Promise<string | undefined> {
  if (env === 'off' || (env === '' && homedir === '')) return undefined;
  const file = env === '' ? resolve(homedir, '.kube', 'kuberc') : resolve(env);
  const text = await readRegular(file).catch(() => undefined);
  const parsed = text && parseYaml(file, text.toString('utf8'));
  if (parsed === undefined || 'problems' in parsed || !isObject(parsed.value)) return undefined;
  const { credentialPluginPolicy: policy = '', credentialPluginAllowlist: list } = parsed.value;
  const isOpen = policy === '' || policy === 'AllowAll';
  return isOpen && !(Array.isArray(list) && list.length > 0) ? undefined : file;
}

/** What determines the kubeconfig files. */
export interface KubeconfigLocation {
  /** The value of --kubeconfig; empty if the flag is not set. */
  readonly flag: string;
  /** The environment variable KUBECONFIG. */
  readonly env: string | undefined;
  /** Empty if the user has no home directory: client-go then uses the working directory. */
  readonly homedir: string;
}

/**
 * Merges kubeconfig files by client-go's loading rules: the file of --kubeconfig, which must exist; otherwise the KUBECONFIG list;
 * otherwise ~/.kube/config. Missing files of a list are skipped. For each name, and for the current context, the first file wins. Problems
 * name the file, and the line if there is one.
 */
export async function loadKubeconfig(
  location: KubeconfigLocation,
  read: ReadFile,
): Promise<LoadedKubeconfig> {
  const isRequired = location.flag !== '';
  return merge(
    await Promise.all(kubeconfigFiles(location).map(file => readKubeconfig(file, isRequired, read))),
  );
}

type LoadedKubeconfig = { readonly kubeconfig: Kubeconfig } | { readonly problems: readonly string[] };

/** A file with its content or its problems. It has neither if it is optional and missing. */
interface FileContent {
  readonly file: string;
  readonly content?: KubeconfigContent;
  readonly problems?: readonly string[];
}

function merge(read: readonly FileContent[]): LoadedKubeconfig {
  const candidates = read.map(({ file }) => file);
  const problems: string[] = [];
  const files: string[] = [];
  let currentContext: string | undefined;
  const clusters = new Map<string, Named<Cluster>>();
  const users = new Map<string, Named<AuthInfo>>();
  const contexts = new Map<string, Named<Context>>();
  for (const { file, content, problems: found = [] } of read) {
    problems.push(...found);
    if (content === undefined) continue;
    files.push(file);
    currentContext ??= content.currentContext;
    addMissing(clusters, content.clusters, file);
    addMissing(users, content.users, file);
    addMissing(contexts, content.contexts, file);
  }
  if (problems.length > 0) return { problems };
  return { kubeconfig: { files, candidates, currentContext, clusters, users, contexts } };
}

function addMissing<T>(into: Map<string, Named<T>>, entries: ReadonlyMap<string, T>, file: string): void {
  for (const [name, value] of entries) {
    if (!into.has(name)) into.set(name, { value, file });
  }
}

/** The files that may contain a kubeconfig, in the order of their priority. */
function kubeconfigFiles({ flag, env, homedir }: KubeconfigLocation): string[] {
  if (flag !== '') return [resolve(flag)];
  if (env === undefined || env === '') return [resolve(homedir, '.kube', 'config')];
  return [...new Set(env.split(':').filter(file => file !== ''))].map(file => resolve(file));
}

async function readKubeconfig(file: string, isRequired: boolean, read: ReadFile): Promise<FileContent> {
  try {
    return { file, ...parseKubeconfig(file, (await read(file)).toString()) };
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isMissing && !isRequired) return { file };
    return { file, problems: [`${isRequired ? '--kubeconfig: ' : ''}${file}: ${describeFileError(error)}`] };
  }
}
