import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as types from '../../src/lib/value-type.js';

interface Row {
  readonly type: types.ValueType<unknown>;
  readonly placeholder: string | undefined;
  readonly separator?: ',' | '\n';
  readonly values: readonly (readonly [text: string, value: unknown])[];
  /** Texts that are not one, and the end of the problem that quotes each of them. */
  readonly others?: readonly string[];
  readonly problem?: string;
}

const { bool, port, count, duration, optionalBaseUrl, address, names } = types;
const rows: Readonly<Record<string, Row>> = {
  'a switch': {
    ...{ type: bool, placeholder: undefined, problem: 'is not true or false' },
    values: [
      ...['1', 't', 'T', 'true', 'TRUE', 'True'].map(text => [text, true] as const),
      ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map(text => [text, false] as const),
    ],
    others: ['', 'yes', 'tRUE', 'Stryker was here!'],
  },
  'a port': {
    ...{ type: port, placeholder: 'PORT', problem: 'is not a port (0 to 65535)' },
    values: Object.entries({ 0: 0, 65535: 65_535, '080': 80 }),
    others: ['65536', '-1', '', 'http', '1.5', '1e3', '0x10', ' 80', '80 ', '0'.repeat(10), '9'.repeat(20)],
  },
  'a count': {
    ...{ type: count, placeholder: 'N', problem: 'is not a whole number of 0 or more' },
    values: Object.entries({ 0: 0, 999999999: 999_999_999 }),
    others: ['', '-1', '1.5', '1e3', ' 1', '1 ', '9999999999'],
  },
  'a duration of Go': {
    ...{ type: duration, placeholder: 'DURATION', problem: 'is not a duration (such as 30s, 5m or 1h30m)' },
    values: [
      ...Object.entries({ 0: 0, '-0': 0, '5s': 5000, '300ms': 300, '1h30m': 5_400_000, '1.5s': 1500 }),
      ...Object.entries({
        '1.25s': 1250,
        '.5s': 500,
        '.25s': 250,
        '1.s': 1000,
        '10m': 600_000,
        '+2m': 120_000,
      }),
      ...Object.entries({ '1500us': 1.5, '1500\u00b5s': 1.5, '1500\u03bcs': 1.5, '2000000ns': 2 }),
      ['9999999h', 2_147_483_647],
    ],
    others: ['', '5', 's', '5x', '1m30', '1 s', '5s ', '--5s', '.s', '1e3s'],
  },
  'a duration': {
    type: duration,
    placeholder: 'DURATION',
    values: [],
    others: ['-1s'],
    problem: 'is negative',
  },
  'a URL, without a slash at its end,': {
    ...{ type: optionalBaseUrl, placeholder: 'URL' },
    values: Object.entries({
      '': '',
      'https://gw.example': 'https://gw.example',
      'HTTPS://GW.example:443/': 'https://gw.example',
      'http://[::1]:8080/k8s//': 'http://[::1]:8080/k8s',
      'https://gw.example/a%20b/': 'https://gw.example/a%20b',
    }),
    others: [
      ...['gw.example', '//gw.example', 'ftp://gw.example', 'https://', 'https:///x', 'javascript:secret'],
      ...['https://gw.example:0x1', 'https://eve:secret@gw.example', 'https://secret@gw.example'],
      ...[
        'https://gw.example?secret',
        'https://a b',
        'https://gw.example/#secret',
        'https://gw.example\\secret',
      ],
      ...['https://gw.example\n', 'xhttps://gw.example', 'https://?secret'],
    ],
    problem: '--flag is not an http:// or https:// URL without user, query and fragment',
  },
  'an address, perhaps in brackets,': {
    ...{ type: address, placeholder: 'ADDRESS', problem: 'is not an address' },
    values: Object.entries({
      '': '',
      '[::1]': '::1',
      '::': '::',
      '127.0.0.1': '127.0.0.1',
      localhost: 'localhost',
    }),
    others: ['http://localhost', 'a b', '[::1', '::1]', '[::1]x', 'x[::1]'],
  },
  'an address': {
    ...{ type: address, placeholder: 'ADDRESS', values: [] },
    others: ['127.0.0.1:8001', ':8001', 'localhost:'],
    problem: 'is not an address (its port belongs in --port)',
  },
  'a list of names': {
    ...{ type: names, placeholder: 'NAMES', separator: ',' },
    values: [
      ['', []],
      [',a,,b c,', ['a', 'b c']],
    ],
  },
  'a list of texts': {
    ...{ type: types.texts('TEXT'), placeholder: 'TEXT', separator: '\n' },
    values: [
      ['', []],
      ['\na,b\n\nc\n', ['a,b', 'c']],
    ],
  },
  'a text': {
    type: types.text('FILE'),
    placeholder: 'FILE',
    values: [
      ['', ''],
      [' a ', ' a '],
    ],
  },
  'an optional port': {
    ...{ type: types.optional(port), placeholder: 'PORT', problem: 'is not a port (0 to 65535)' },
    values: [
      ['', undefined],
      ['80', 80],
    ],
    others: [' '],
  },
  'one of several words': {
    ...{ type: types.oneOf('on', 'off'), placeholder: 'on|off', problem: 'is not one of on, off' },
    values: [
      ['on', 'on'],
      ['off', 'off'],
    ],
    others: ['', 'On', 'on|off'],
  },
};

describe('the value of an option', () => {
  for (const [what, { type, placeholder, separator, values, others = [], problem = '' }] of Object.entries(
    rows,
  ))
    it(`may be ${what} as ${values.length} texts, and not as ${others.length} others`, () => {
      assert.deepEqual([type.placeholder, type.separator], [placeholder, separator]);
      for (const [text, value] of values) assert.deepEqual(type.parse(text, '--flag'), { value }, text);
      for (const text of others) {
        // That of a URL does not quote it.
        const whole = problem.startsWith('--flag') ? problem : `--flag: ${JSON.stringify(text)} ${problem}`;
        assert.deepEqual(type.parse(text, '--flag'), { problems: [whole] }, text);
      }
    });
});
