import { isScalar, visit } from 'yaml';
import { parseYaml, spell } from '../../../lib/yaml-document.js';
import type { Problem, Report } from './problem.js';
import { decode, type Shape } from './shape.js';

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
