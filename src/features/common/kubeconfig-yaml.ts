import { stringify } from 'yaml';

/**
 * A part of a kubeconfig as YAML. Every string is in double quotes: kubectl reads YAML 1.1, where more words need quotes to be strings than
 * in YAML 1.2 (`yes`, `0o7`). People edit each entry separately, so none is an alias of another.
 */
export function kubeconfigYaml(value: object): string {
  return printable(stringify(value, style));
}

const style = {
  lineWidth: 0,
  defaultStringType: 'QUOTE_DOUBLE',
  defaultKeyType: 'PLAIN',
  aliasDuplicateObjects: false,
} as const;

const unprintable = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

/**
 * Escapes the characters that YAML 1.1 takes for line breaks or does not allow, and that the library leaves as they are. They may only be
 * in double quotes or in a comment.
 */
export function printable(yaml: string): string {
  return yaml.replace(
    unprintable,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
