import type { Random } from '../../../support/random.js';
import { utf8 } from './request-parts.js';

const queryNames = [
  ...['watch', 'watch', 'watch', 'fieldSelector', 'fieldSelector', 'labelSelector', 'limit'],
  ...['timeoutSeconds', 'timeout', 'continue', 'resourceVersion', 'resourceVersionMatch'],
  ...['sendInitialEvents', 'allowWatchBookmarks', 'dryRun', 'fieldManager', 'propagationPolicy'],
  ...['gracePeriodSeconds', 'pretty', 'command', 'Watch', 'name', ''],
];
const values = [
  ...['', '0', '1', 'true', 'false', 'FALSE', 'False', 'TRUE'],
  utf8('falſe'),
  ...['no', 'yes', ' false', 'false ', '5', '-1', '+1', '1_000', '0x10', '1e3', '9223372036854775807'],
  ...['9223372036854775808', '-9223372036854775808', '00000000000000000000000000001', '30s', '10m'],
  ...['1h30m', '-5s', 'abc', 'a;b', 'a&b', 'a=b', 'a+b', '%', '\xff'],
  utf8('ü'),
];
const listOptions = [
  ...['watch', 'watch', 'fieldSelector', 'fieldSelector', 'labelSelector', 'limit', 'timeoutSeconds'],
  ...['sendInitialEvents', 'resourceVersion'],
];
const watchValues = ['', '0', '1', 'true', 'false', 'FALSE', utf8('falſe'), utf8('FALſE'), 'false ', 'no'];
const labelTokens = [
  ...['a', 'b', 'in', 'notin', '(', ')', ',', '=', '==', '!=', '!', '>', ' ', '1', 'x.y/a', '-'],
  utf8('ü'),
  '\x00',
];
const selectorFields = [
  ...['metadata.name', 'metadata.name', 'metadata.name', 'metadata.namespace', 'spec.nodeName', ''],
];
const selectorValues = [
  ...['web-0', 'a', '', 'a,b', 'a\\,b', 'a\\=b', 'a\\\\b', 'a\\b', 'a=b', '.', '..', 'a/b', 'a%b', ' a '],
  ...['ü', '\\', 'x,metadata.name=y'],
];
const operators = ['=', '=', '==', '!=', '===', '=!', '!', ''];

/** Characters that a query can have as they are. */
const querySafe = /[\w.~:@!$'()*,;/?^|{}[\]`"<>=\x80-\xff-]/;

/** A query of any parameters, as bytes. */
export function generateQuery(random: Random): string {
  const pairs: string[] = [];
  do {
    pairs.push(generatePair(random.pick(queryNames), random));
  } while (random.chance(0.5));
  return pairs.join(random.pick(['&', '&', '&', '&', '&&', ';', '&;']));
}

/** A query of those parameters that decide between list and watch, and for which name. */
export function generateListOptions(random: Random): string {
  const pairs: string[] = [];
  do {
    pairs.push(generatePair(random.pick(listOptions), random));
  } while (random.chance(0.6));
  return pairs.join('&');
}

function generatePair(name: string, random: Random): string {
  const value = generateValue(name, random);
  const encodedName = encode(name, random, querySafe);
  const form = random.below(30);
  if (form === 0) return encodedName;
  if (form === 1) return `${encodedName}=%${random.pick(['', '4', 'zz'])}`;
  const encoded = encode(value, random, querySafe);
  return `${encodedName}=${form < 10 ? encoded.replaceAll('%20', '+') : encoded}`;
}

function generateValue(name: string, random: Random): string {
  if (random.chance(0.1)) return random.pick(values);
  if (name === 'fieldSelector') return generateFieldSelector(random);
  if (name === 'labelSelector') return generateLabelSelector(random);
  return random.pick(name === 'watch' ? watchValues : values);
}

function generateFieldSelector(random: Random): string {
  const terms: string[] = [];
  do {
    terms.push(utf8(random.pick(selectorFields) + random.pick(operators) + random.pick(selectorValues)));
  } while (random.chance(0.25));
  return terms.join(random.pick([',', ',', ', ', ',,']));
}

function generateLabelSelector(random: Random): string {
  let selector = random.pick(['a', 'a=b', 'a in (b,c)', '!a,b', '']);
  while (random.chance(0.5)) selector += random.pick(labelTokens);
  return selector;
}

/** Percent-encodes what must be encoded, and some of the rest. */
export function encode(text: string, random: Random, safe: RegExp): string {
  const eager = random.chance(0.1) ? 0.3 : 0;
  let encoded = '';
  for (const character of text) {
    if (safe.test(character) && !(eager > 0 && random.chance(eager))) {
      encoded += character;
    } else {
      encoded += random.chance(0.5) ? percentEncoded(character) : percentEncoded(character).toLowerCase();
    }
  }
  return encoded;
}

export function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
