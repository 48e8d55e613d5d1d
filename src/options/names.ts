import { environmentName } from './environment.js';
import { definitionOf, flagName, type OptionKey, optionKeys, type Setting } from './table.js';

/** The options that each source sets. */
export interface SettingsBySource {
  readonly flags: ReadonlyMap<OptionKey, Setting>;
  readonly environment: ReadonlyMap<OptionKey, Setting>;
  readonly file: ReadonlyMap<OptionKey, Setting>;
}

/** A text of the user in quotes, or a flag and the equals sign of its value. */
const quotedOrFlag = /"(?:[^"\\]|\\.)*"|--([a-z][a-z\d-]*)(=?)/g;

/**
 * Says a problem, whose sentence names flags, in the names of those who set the options: variables, and keys of the file, the first of them
 * with its line. An option that nobody sets gets the kind of name of the first one that somebody sets.
 */
export function inNamesOfSource(settings: SettingsBySource): (problem: string) => string {
  const sourceOf = (key: OptionKey) =>
    (['flags', 'environment', 'file'] as const).find(source => settings[source].has(key));
  return problem => {
    const keys = [...problem.matchAll(quotedOrFlag)].flatMap(([, flag = '']) => optionKeys.get(flag) ?? []);
    const usual = keys.map(sourceOf).find(source => source !== undefined);
    return problem.replaceAll(quotedOrFlag, (text, flag: string | undefined, equals: string, at: number) => {
      const key = optionKeys.get(flag ?? '');
      if (key === undefined || definitionOf(key).flagOnly === true) return text;
      const source = sourceOf(key) ?? usual;
      if (source === 'environment') return environmentName(key) + equals;
      if (source !== 'file' || key === 'config') return text;
      const name = at === 0 ? (settings.file.get(key)?.where ?? flagName(key)) : flagName(key);
      return equals === '' ? name : `${name}: `;
    });
  };
}
