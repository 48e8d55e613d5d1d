import { resolve } from 'node:path';
import { describeFileError } from '../lib/file-problem.js';
import { parseKubeconfig } from './parse.js';
import type { AuthInfo, Cluster, Context, Kubeconfig, Named } from './types.js';

/** What names a kubeconfig. */
export interface KubeconfigLocation {
  /** The value of --kubeconfig; empty without that flag. */
  readonly flag: string;
  /** The environment variable KUBECONFIG. */
  readonly env: string | undefined;
  /** Empty if the user has none: then client-go takes the working directory. */
  readonly homedir: string;
}

/** The text of a file; throws the system's error. */
export type ReadText = (file: string) => string;

/**
 * Merges kubeconfig files by client-go's loading rules: the file of --kubeconfig, which must exist; else the KUBECONFIG list; else
 * ~/.kube/config. Missing files of a list are skipped. The first file wins for each name and for the current context. Problems name the
 * file, and the line if there is one.
 */
export function loadKubeconfig(
  location: KubeconfigLocation,
  readText: ReadText,
): { readonly kubeconfig: Kubeconfig } | { readonly problems: readonly string[] } {
  const candidates = kubeconfigFiles(location);
  const problems: string[] = [];
  const files: string[] = [];
  let currentContext: string | undefined;
  const clusters = new Map<string, Named<Cluster>>();
  const users = new Map<string, Named<AuthInfo>>();
  const contexts = new Map<string, Named<Context>>();
  for (const file of candidates) {
    const read = readKubeconfig(file, location.flag !== '', readText);
    if (read === undefined) continue;
    const parsed = 'text' in read ? parseOnce(file, read.text) : read;
    if ('problems' in parsed) {
      problems.push(...parsed.problems);
      continue;
    }
    files.push(file);
    currentContext ??= parsed.content.currentContext;
    addMissing(clusters, parsed.content.clusters, file);
    addMissing(users, parsed.content.users, file);
    addMissing(contexts, parsed.content.contexts, file);
  }
  if (problems.length > 0) return { problems };
  return { kubeconfig: { files, candidates, currentContext, clusters, users, contexts } };
}

/** What each file was last parsed from. */
const lastParsed = new Map<
  string,
  { readonly text: string; readonly result: ReturnType<typeof parseKubeconfig> }
>();

/** Parses a text unless it is what the file had before: each context reads the same files, and YAML of 200 contexts takes 40 ms. */
function parseOnce(file: string, text: string): ReturnType<typeof parseKubeconfig> {
  const last = lastParsed.get(file);
  if (last?.text === text) return last.result;
  const result = parseKubeconfig(file, text);
  lastParsed.set(file, { text, result });
  return result;
}

function addMissing<T>(into: Map<string, Named<T>>, entries: ReadonlyMap<string, T>, file: string): void {
  for (const [name, value] of entries) {
    if (!into.has(name)) into.set(name, { value, file });
  }
}

/** The files that may contain a kubeconfig, the most important one first. */
export function kubeconfigFiles({ flag, env, homedir }: KubeconfigLocation): string[] {
  if (flag !== '') return [resolve(flag)];
  if (env === undefined || env === '') return [resolve(homedir, '.kube', 'config')];
  return [...new Set(env.split(':').filter(file => file !== ''))].map(file => resolve(file));
}

/** The file's text; undefined if it is missing and may be missing. */
function readKubeconfig(
  file: string,
  isRequired: boolean,
  readText: ReadText,
): { readonly text: string } | { readonly problems: readonly string[] } | undefined {
  try {
    return { text: readText(file) };
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isMissing && !isRequired) return undefined;
    return { problems: [`${isRequired ? '--kubeconfig: ' : ''}${file}: ${describeFileError(error)}`] };
  }
}
