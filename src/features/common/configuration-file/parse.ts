import { isScalar, visit } from 'yaml';
import { isObject } from '../../../lib/json.js';
import { parseDuration } from '../../../lib/value-type.js';
import { type Path, parseYaml, spell } from '../../../lib/yaml-document.js';

/** What a field may be: one of these values, a list of one shape, or an object that has no other fields. */
type Shape = keyof typeof scalars | readonly [Shape] | { readonly [field: string]: Shape };

/** What a file of this shape has: any field may be missing. */
export type ContentOf<S> = S extends 'true or false'
  ? boolean
  : S extends string
    ? string
    : S extends readonly [infer Item]
      ? readonly ContentOf<Item>[]
      : { readonly [Field in keyof S]?: ContentOf<S[Field]> };

const scalars = {
  'a string': (value: unknown) => typeof value === 'string',
  'true or false': (value: unknown) => typeof value === 'boolean',
  /** As Go writes it, such as `1m30s`. */
  'a duration': (value: unknown) => typeof value === 'string' && parseDuration(value) !== undefined,
};

/** The value with its known fields; undefined if it is missing or wrong. As in Go, null is a missing value, but no duration. */
function decode(value: unknown, shape: Shape, path: Path, report: Report): unknown {
  if (value === null && shape !== 'a duration') {
    if (path.length === 0) report(path, 'is empty');
    return undefined;
  }
  if (typeof shape === 'string') {
    if (scalars[shape](value)) return value;
    report(path, `is not ${shape}`);
    return undefined;
  }
  if (isList(shape)) {
    if (Array.isArray(value))
      return value.map((item, index) => decodeItem(item, shape[0], [...path, index], report));
    report(path, 'is not a list');
    return undefined;
  }
  if (!isObject(value)) {
    report(path, 'is not a mapping');
    return undefined;
  }
  const known = Object.entries(value).map(([name, field]) => {
    const inner = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (inner === undefined) report([...path, name], 'is an unknown field');
    return [name, inner && decode(field, inner, [...path, name], report)] as const;
  });
  return Object.fromEntries(known.filter(([, field]) => field !== undefined));
}

function isList(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape);
}

/** A missing item is an empty string, or an object without fields, as in Go. */
function decodeItem(value: unknown, shape: Shape, path: Path, report: Report): unknown {
  return decode(value, shape, path, report) ?? (typeof shape === 'string' ? '' : {});
}

/** A problem of the file, in one line. */
export interface Problem {
  readonly text: string;
  /** The same without the text of expressions: readyz tells it to everybody. */
  readonly publicText: string;
}

/** Reports a problem at a path, such as `['jwt', 0, 'issuer', 'url']`. The detail is for the log alone. */
export type Report = (path: Path, problem: string, detail?: string) => void;

/** One kind of the API server's configuration files. */
export interface FileFormat {
  readonly kind: string;
  /** Of the group apiserver.config.k8s.io. */
  readonly versions: readonly string[];
  /** Its fields besides `apiVersion` and `kind`. */
  readonly fields: { readonly [field: string]: Shape };
}

/** A file that has the right fields. `report` adds a problem with the file's line. */
export interface ParsedFile {
  readonly content: object;
  readonly report: Report;
}

/**
 * Reads a file (YAML or JSON) as strictly as the API server does: an unknown field, one that is there twice, and a value of another type
 * are problems, null is a missing value. The problems are collected in `problems`. Of the file, they quote names of fields and expressions.
 */
export function parseConfigurationFile(
  { kind, versions, fields }: FileFormat,
  file: string,
  text: string,
  problems: Problem[],
): ParsedFile | undefined {
  const yaml = parseYaml(file, text);
  if ('problems' in yaml) {
    problems.push(...yaml.problems.map(text => ({ text, publicText: text })));
    return undefined;
  }
  const report: Report = (path, problem, detail = '') => {
    const where = path.length === 0 ? '' : `${spell(path)} `;
    const publicText = `${yaml.at(yaml.nodeAt(path))}: ${where}${problem}`;
    problems.push({ text: publicText + detail, publicText });
  };
  visit(yaml.document, {
    Map(_key, { items }) {
      const names = items.map(({ key }) => (isScalar(key) ? key.value : key));
      for (const [index, name] of names.entries()) {
        if (names.indexOf(name) === index) continue;
        const text = `${yaml.at(items[index]?.key as never)}: ${JSON.stringify(name)} is there twice`;
        problems.push({ text, publicText: text });
      }
    },
  });
  const shape: Shape = { apiVersion: 'a string', kind: 'a string', ...fields };
  const content = decode(yaml.value, shape, [], report) as
    | { readonly apiVersion?: string; readonly kind?: string }
    | undefined;
  if (content === undefined) return undefined;
  if (content.kind !== kind) report(['kind'], `is not ${kind}`);
  const known = versions.map(version => `apiserver.config.k8s.io/${version}`);
  if (!known.some(version => version === content.apiVersion))
    report(['apiVersion'], `is not ${known.join(' or ')}`);
  return { content, report };
}
