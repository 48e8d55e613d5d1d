import { resolve } from 'node:path';
import { describeFileError } from '../lib/file-problem.js';
import { runInSlices, type Steps } from '../lib/steps.js';
import { parseKubeconfig } from './parse.js';
import type { AuthInfo, Cluster, Context, Kubeconfig, Named } from './types.js';

/** What determines the kubeconfig files. */
export interface KubeconfigLocation {
  /** The value of --kubeconfig; empty if the flag is not set. */
  readonly flag: string;
  /** The environment variable KUBECONFIG. */
  readonly env: string | undefined;
  /** Empty if the user has no home directory: client-go then uses the working directory. */
  readonly homedir: string;
}

/** The content of a file; throws the system's error. */
export type ReadText = (file: string) => string;

/**
 * Merges kubeconfig files by client-go's loading rules: the file of --kubeconfig, which must exist; otherwise the KUBECONFIG list;
 * otherwise ~/.kube/config. Missing files of a list are skipped. For each name, and for the current context, the first file wins. Problems
 * name the file, and the line if there is one. The event loop goes on meanwhile: a file with thousands of contexts takes a second.
 */
export function loadKubeconfig(location: KubeconfigLocation, readText: ReadText): Promise<LoadedKubeconfig> {
  const read = kubeconfigFiles(location).map(file => ({
    file,
    ...readKubeconfig(file, location.flag !== '', readText),
  }));
  // Every context loads the same files. With 1,000 contexts this took 40 ms and 1 MB for each of them.
  if (last === undefined || !isSameRead(last.read, read)) last = { read, loaded: runInSlices(merge(read)) };
  return last.loaded;
}

type LoadedKubeconfig = { readonly kubeconfig: Kubeconfig } | { readonly problems: readonly string[] };

/** A file with its content or its problems. It has neither if it is optional and missing. */
interface ReadFile {
  readonly file: string;
  readonly text?: string;
  readonly problems?: readonly string[];
}

/** The last result. */
let last: { readonly read: readonly ReadFile[]; readonly loaded: Promise<LoadedKubeconfig> } | undefined;

function isSameRead(one: readonly ReadFile[], other: readonly ReadFile[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ file, text, problems }, index) => {
      const { file: otherFile, text: otherText, problems: otherProblems } = other[index] as ReadFile;
      return file === otherFile && text === otherText && `${problems}` === `${otherProblems}`;
    })
  );
}

function* merge(read: readonly ReadFile[]): Steps<LoadedKubeconfig> {
  const candidates = read.map(({ file }) => file);
  const problems: string[] = [];
  const files: string[] = [];
  let currentContext: string | undefined;
  const clusters = new Map<string, Named<Cluster>>();
  const users = new Map<string, Named<AuthInfo>>();
  const contexts = new Map<string, Named<Context>>();
  for (const { file, text, problems: unreadable = [] } of read) {
    problems.push(...unreadable);
    if (text === undefined) continue;
    const parsed = yield* parseKubeconfig(file, text);
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

function addMissing<T>(into: Map<string, Named<T>>, entries: ReadonlyMap<string, T>, file: string): void {
  for (const [name, value] of entries) {
    if (!into.has(name)) into.set(name, { value, file });
  }
}

/** The files that may contain a kubeconfig, in the order of their priority. */
export function kubeconfigFiles({ flag, env, homedir }: KubeconfigLocation): string[] {
  if (flag !== '') return [resolve(flag)];
  if (env === undefined || env === '') return [resolve(homedir, '.kube', 'config')];
  return [...new Set(env.split(':').filter(file => file !== ''))].map(file => resolve(file));
}

/** The file's content; undefined if it is optional and missing. */
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
