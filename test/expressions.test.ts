import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { rejectClaimedIdentity } from '../src/guard/claimed-identity.js';
import { createFilterCheck } from '../src/guard/filter.js';
import { type RegexpList, regexpList } from '../src/guard/regexp-list.js';
import { impersonatedUser } from '../src/kubernetes/impersonation.js';
import { parseRequestInfo } from '../src/kubernetes/request-info.js';
import { optionTable } from '../src/options/table.js';
import { type Additions, clientHeaders } from '../src/proxy/headers.js';
import { parseRequestTarget } from '../src/request/request-path.js';
import { assertLinear } from './support/growth.js';
import { parsedValue } from './support/option-value.js';
import { projectFile } from './support/project.js';

/** How many characters a client can put into one target or one field: a head has 128 KB. */
const longest = 126 * 1024;
/** Length of the short texts, which quickly show which expressions may be quadratic. */
const short = 256;
/** Lengths of the texts that show whether they are: a cubic expression takes about a second for the first, and a quadratic one for the last. */
const lengths = [2 * 1024, 32 * 1024];

interface Expression {
  readonly file: string;
  readonly regexp: RegExp;
}

/** Code that reads only what the program's operator writes. */
const configuration = /^(?:options|kubeconfig|credentials)\b/;
const comment = /\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm;
/** A regular expression literal, in a position where no division can be. */
const literal =
  /(?<=[([{=,:?!&|;>]\s*|^\s*|\breturn )\/((?:[^\\/[\n*]|\\.|\[(?:[^\]\\\n]|\\.)*\])(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])*)\/([dgimsuvy]*)(?![\w/])/gm;

function findExpressions(): Expression[] {
  const source = projectFile('src/');
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts') && !configuration.test(file))
    .flatMap(file => {
      const code = readFileSync(source + file, 'utf8').replace(comment, '');
      return [...code.matchAll(literal)].map(([, pattern = '', flags]) => ({
        file,
        regexp: new RegExp(pattern, flags),
      }));
    });
}

/** The plain text at the beginning of the expression, which a hostile input must match first. */
function beginning({ source }: RegExp): string {
  const [plain = ''] = /^\^?(?:\\[^\w]|[\w :,/-])*/.exec(source) ?? [];
  return plain.replace(/^\^/, '').replaceAll('\\', '');
}

/** The characters of the expression, and one of each other kind. */
function alphabet({ source }: RegExp): string[] {
  const named = source.replace(/\\x[0-9a-f]{2}/g, '').replace(/[^!-~ ]/g, '');
  return [...new Set([...named, 'a', '0', ' ', '/', '%', ',', '\x80'])];
}

/** Makes a hostile input with this number of characters. */
type Shape = (length: number) => string;

function shapeOf(start: string, unit: string, end: string): Shape {
  return length => (start + unit.repeat(Math.ceil(length / unit.length))).slice(0, length - end.length) + end;
}

/** Repetitions of one or two characters, or of a word of the expression, with an end that does not match. */
function hostileShapes(regexp: RegExp): Shape[] {
  const characters = alphabet(regexp);
  const pairs = characters.flatMap(one => [one, ...characters.map(two => one + two)]);
  const words = (regexp.source.match(/[a-z]{3,}/gi) ?? []).flatMap(word => [word, `/${word}/`, `,${word}`]);
  return [...new Set(['', 'a', '/', beginning(regexp)])].flatMap(start =>
    [...pairs, ...words].flatMap(unit => ['', '\n', '!'].map(end => shapeOf(start, unit, end))),
  );
}

/** Milliseconds of the faster one of two runs. Reading the processor time would take longer than the runs. */
function quickest(run: () => unknown): number {
  const times = [run, run].map(each => {
    const before = performance.now();
    each();
    return performance.now() - before;
  });
  return Math.min(...times);
}

/** Finds all matches of a global expression, or the first match of another one. */
function apply(regexp: RegExp, input: string): void {
  regexp.lastIndex = 0;
  if (regexp.global) input.replace(regexp, '');
  else regexp.test(input);
}

test('each expression takes linear time', () => {
  const expressions = findExpressions();
  const files = new Set(expressions.map(({ file }) => file));
  for (const file of ['guard/host.ts', 'kubernetes/query.ts']) {
    assert.ok(files.has(file), file);
  }
  assert.ok(expressions.length > 60, String(expressions.length));
  for (const { file, regexp } of expressions) {
    const worst = hostileShapes(regexp)
      .map(shape => {
        const input = shape(short);
        return { shape, time: quickest(() => apply(regexp, input)) };
      })
      .sort((one, other) => other.time - one.time)
      .slice(0, 3);
    for (const { shape } of worst) {
      const prepare = (length: number) => {
        const input = shape(length);
        return () => apply(regexp, input);
      };
      const what = `${file}: ${regexp} on ${JSON.stringify(shape(30))}`;
      for (const length of lengths) assertLinear(length, prepare, what);
    }
  }
});

const list = (source: string): RegexpList => parsedValue(regexpList, source);

test('the readers of targets and fields take linear time', () => {
  const filter = createFilterCheck({
    acceptPaths: list(optionTable.acceptPaths.default),
    rejectPaths: list(optionTable.rejectPaths.default),
    rejectMethods: list(optionTable.rejectMethods.default),
  });
  const readers: Readonly<Record<string, (text: string) => unknown>> = {
    'the query of a list': text => parseRequestInfo('GET', '/api/v1/pods', text),
    'a field selector': text => parseRequestInfo('GET', '/api/v1/pods', `fieldSelector=${text}`),
    'a number': text => parseRequestInfo('GET', '/api/v1/pods', `fieldSelector=a=b&limit=${text}`),
    'a path': text => filter('GET', parseRequestTarget(`/api/${text}`), ''),
    Connection: text => clientHeaders(['Connection', text], {} as Additions),
    'the name of a field': text => rejectClaimedIdentity([`x-${text}`, '']),
    'the name of an attribute': text => impersonatedUser([`Impersonate-Extra-${text}`, '']),
  };
  for (const [name, read] of Object.entries(readers)) {
    for (const unit of ['a', '/', '%61', '&%61=', '\x80', '=', ',', '9', 'token=&']) {
      const prepare = (length: number) => {
        const text = shapeOf('', unit, '')(length);
        return () => {
          try {
            read(text);
          } catch {}
        };
      };
      assertLinear(longest, prepare, `${name} of ${JSON.stringify(unit)}`);
    }
  }
});
