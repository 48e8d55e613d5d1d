import { isObject, type JsonObject } from '../lib/json.js';
import { type Path, parseYaml, spell, type YamlLimits } from '../lib/yaml-document.js';
import {
  type AuthInfo,
  type Cluster,
  type Context,
  clusterFields,
  contextFields,
  type Entry,
  type FieldShape,
  type Fields,
  userFields,
} from './types.js';

/** The content of one kubeconfig file. */
export interface KubeconfigContent {
  readonly currentContext: string | undefined;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly users: ReadonlyMap<string, AuthInfo>;
  readonly contexts: ReadonlyMap<string, Context>;
}

/**
 * Reads one kubeconfig (client-go's `clientcmd/api/v1`, YAML or JSON). Unknown keys and extensions are ignored, null means a missing value,
 * and an empty file is an empty kubeconfig. Problems name the file and line, and quote no values.
 */
export function parseKubeconfig(
  file: string,
  text: string,
  limits?: YamlLimits,
): { readonly content: KubeconfigContent } | { readonly problems: readonly string[] } {
  const yaml = parseYaml(file, text, limits);
  if ('problems' in yaml) return yaml;
  const problems: string[] = [];
  const report = (path: Path, problem: string): void => {
    problems.push(`${yaml.at(yaml.nodeAt(path))}: ${spell(path)}${problem}`);
  };
  const root = yaml.value ?? {};
  if (!isObject(root)) return { problems: [`${yaml.at(null)}: not a kubeconfig: not a mapping`] };
  for (const [key, expected] of [
    ['apiVersion', 'v1'],
    ['kind', 'Config'],
  ] as const) {
    if ((root[key] ?? expected) !== expected)
      report([key], ` is not ${expected}, so this is not a kubeconfig`);
  }
  const currentContext = root['current-context'] ?? '';
  if (typeof currentContext !== 'string') report(['current-context'], ' is not a string');
  const content = {
    currentContext: typeof currentContext === 'string' && currentContext !== '' ? currentContext : undefined,
    clusters: readEntries(root, 'clusters', 'cluster', clusterFields, report),
    users: readEntries(root, 'users', 'user', userFields, report),
    contexts: readEntries(root, 'contexts', 'context', contextFields, report),
  };
  return problems.length > 0 ? { problems } : { content };
}

type Report = (path: Path, problem: string) => void;

/** The fields of a cluster that is not in a kubeconfig. What is wrong is reported at its path below `path`. */
export function readCluster(value: unknown, path: Path, report: Report): Cluster {
  return readFields(value, path, clusterFields, report);
}

/** Reads a list of `{name, [field]: {…}}`. Two entries with the same name in one file are a problem, as in client-go. */
function readEntries<F extends Fields>(
  root: JsonObject,
  list: string,
  field: string,
  fields: F,
  report: Report,
): Map<string, Entry<F>> {
  const entries = new Map<string, Entry<F>>();
  const items = root[list] ?? [];
  if (!Array.isArray(items)) {
    report([list], ' is not a list');
    return entries;
  }
  for (const [index, item] of items.entries()) {
    if (!isObject(item)) {
      report([list, index], ' is not a mapping');
      continue;
    }
    const name = item['name'] ?? '';
    if (typeof name !== 'string') report([list, index, 'name'], ' is not a string');
    else if (entries.has(name))
      report([list, index, 'name'], `: two entries have the name ${JSON.stringify(name)}`);
    else entries.set(name, readFields(item[field] ?? {}, [list, index, field], fields, report));
  }
  return entries;
}

function readFields<F extends Fields>(value: unknown, path: Path, fields: F, report: Report): Entry<F> {
  if (!isObject(value)) {
    report(path, ' is not a mapping');
    return {} as Entry<F>;
  }
  const known = Object.entries(fields).filter(([key]) => (value[key] ?? null) !== null);
  for (const [key, shape] of known) {
    if (!hasShape[shape](value[key])) report([...path, key], ` is not ${shape}`);
  }
  return Object.fromEntries(known.map(([key]) => [key, value[key]])) as Entry<F>;
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every(item => typeof item === 'string');
}

const hasShape: Readonly<Record<FieldShape, (value: unknown) => boolean>> = {
  'a string': value => typeof value === 'string',
  'true or false': value => typeof value === 'boolean',
  'a mapping': isObject,
  'a list of strings': isTextList,
  anything: () => true,
  'a mapping to lists of strings': value => isObject(value) && Object.values(value).every(isTextList),
};
