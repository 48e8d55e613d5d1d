import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import { flagName } from '../lib/option.js';
import { parseYaml } from '../lib/yaml-document.js';
import { environmentName } from './environment.js';
import { suggest } from './suggestion.js';
import { definitionOf, type OptionKey, optionKeys, type Setting, type Source } from './table.js';

/**
 * Reads the YAML file of --config: one mapping from flag names to scalars, or to lists if the flag takes a list. Problems name the file and
 * the line.
 */
export function parseConfigFile(file: string, content: string): Source {
  const settings = new Map<OptionKey, Setting>();
  const yaml = parseYaml(file, content);
  if ('problems' in yaml) return { settings, problems: yaml.problems };
  const { document, at } = yaml;
  const root = document.contents;
  if (yaml.value === null) return { settings, problems: [] };
  if (!isMap(root)) return { settings, problems: [`${at(root)}: not a mapping from flag names to values`] };
  const problems: string[] = [];
  for (const { key: keyNode, value } of root.items) {
    const name = isScalar(keyNode) ? String(keyNode.value) : String(keyNode);
    const line = at(keyNode);
    const key = optionKeys.get(name);
    if (key === undefined || key === 'config' || definitionOf(key).flagOnly === true) {
      problems.push(`${line}: ${unknownKey(name, key)}`);
      continue;
    }
    const where = `${line}: ${flagName(key)}`;
    if (settings.has(key)) problems.push(`${where}: is set twice`);
    const text = textOf(isAlias(value) ? value.resolve(document) : value, key);
    if ('problem' in text) problems.push(`${where}: ${text.problem}`);
    else settings.set(key, { ...text, where });
  }
  return { settings, problems };
}

function unknownKey(name: string, key: OptionKey | undefined): string {
  if (key === 'config') return `config can only be set with --config or ${environmentName(key)}`;
  if (key !== undefined) return `${name} can only be set with --${name}`;
  const meant = suggest(name, optionKeys.keys());
  return `unknown key: ${name}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`;
}

/** The value as a user would write it after the flag: scalars keep their spelling, and lists are joined with the option's separator. */
function textOf(node: unknown, key: OptionKey): { readonly text: string } | { readonly problem: string } {
  const { separator } = definitionOf(key).type;
  if (isScalar(node)) {
    const text = spellingOf(node);
    return text === undefined ? { problem: 'has no value' } : { text };
  }
  if (separator === undefined) return { problem: 'is not a single value' };
  const items = isSeq(node) ? node.items.map(spellingOf) : [undefined];
  const texts = items.filter(item => item !== undefined);
  if (texts.length !== items.length) return { problem: 'is not a string or a list of strings' };
  const divided = texts.find(item => item.includes(separator));
  if (divided === undefined) return { text: texts.join(separator) };
  const what = separator === ',' ? 'a comma' : 'a line break';
  return { problem: `${JSON.stringify(divided)} has ${what}, which separates items` };
}

/** A scalar as it is written; undefined for null and for all other nodes. */
function spellingOf(node: unknown): string | undefined {
  if (!isScalar(node) || node.value === null) return undefined;
  return typeof node.value === 'string' ? node.value : node.source;
}
