import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { followConfigurationFile } from '../../../../src/features/common/configuration-file/follow.js';
import { eventually } from '../../../support/eventually.js';
import { replacedWhenRead } from '../../../support/replaced-when-read.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'Thing' };

const [name, wait, on] = ['a string', 'a duration', 'true or false'] as const;
const fields = { name, wait, on, words: [name], items: [{ name }] } as const;

/** Follows a file that has `first`, or that is not there, and returns what has happened. */
async function follow(
  first: string | undefined,
  onUse: (write: (text: string) => void) => void = () => {},
  file = join(temporaryFolder(), 'config.json'),
) {
  const write = (text: string) => writeFileSync(file, text);
  if (first !== undefined) write(first);
  const used: unknown[] = [];
  const reloads: boolean[] = [];
  const logged: string[] = [];
  const followed = await followConfigurationFile({
    ...{ flag: '--thing', file, subject: 'things', interval: 10 },
    format: { kind: 'Thing', versions: ['v1'], fields },
    async read(content, report) {
      if (!('name' in content) || content.name !== 'bad') return content;
      report(['name'], 'is bad', ': secret');
      report([], 'has more problems');
      return content;
    },
    use(value) {
      used.push(value);
      if (used.length === 1) onUse(write);
    },
    reloaded: isUsable => reloads.push(isUsable),
    logger: {
      info: message => logged.push(message),
      error: (fields, message) => logged.push(`${message} ${JSON.stringify(fields)}`),
    },
  });
  return { followed, write, file, used, reloads, logged };
}

const thing = (fields: object) => JSON.stringify({ ...head, ...fields });

test('a configuration file is read again if it changes while it is used at the start', async t => {
  const { followed, used } = await follow(thing({ name: 'one' }), write => write(thing({ name: 'other' })));
  if ('problems' in followed) assert.fail(followed.problems.join());
  t.after(() => followed.close());
  await eventually('the change', () => used.length === 2);
  assert.deepEqual(used[1], { ...head, name: 'other' });
});

test('a configuration file that is replaced right after it was read at the start is read again', async t => {
  const file = join(temporaryFolder(), 'config.json');
  const { followed, used } = await replacedWhenRead(t, file, thing({ name: 'two' }), () =>
    follow(thing({ name: 'one' }), () => {}, file),
  );
  if ('problems' in followed) assert.fail(followed.problems.join());
  t.after(() => followed.close());
  await eventually('the change', () => used.length === 2);
  assert.deepEqual(used[1], { ...head, name: 'two' });
});

test('the last valid version of a configuration file stays in use, and readyz gets no text of the file', async t => {
  const { followed, used, write, reloads, logged, file } = await follow(thing({ name: 'one' }));
  if ('problems' in followed) assert.fail(followed.problems.join());
  t.after(() => followed.close());
  assert.deepEqual(followed.warnings(), []);
  write(thing({ name: 'bad' }));
  await eventually('the bad version', () => reloads.length === 1);
  assert.deepEqual(followed.warnings(), [
    `--thing: ${file}:1: name is bad; the last valid version of the file stays in use`,
  ]);
  assert.match(
    logged[0] ?? '',
    /^--thing cannot be used; the last valid one stays in use .*is bad: secret",".*:1: has more problems"\]\}$/,
  );
  write(thing({ name: 'two' }));
  await eventually('the good version', () => reloads.length === 2);
  assert.deepEqual([reloads, used.length, followed.warnings()], [[false, true], 2, []]);
  assert.equal(logged[1], 'things of --thing reloaded');
});

test('a configuration file may leave out fields and items, which are empty then', async t => {
  const good = { on: true, wait: '1m30s' };
  const file = { ...good, name: null, words: ['a', null], items: [{ name: 'x' }, null] };
  const { followed, used } = await follow(thing(file));
  if ('problems' in followed) assert.fail(followed.problems.join());
  t.after(() => followed.close());
  assert.deepEqual(used, [{ ...head, ...good, words: ['a', ''], items: [{ name: 'x' }, {}] }]);
});

for (const [text, problem] of [
  [undefined, /^--thing: .*config\.json: no such file/],
  ['', /is empty/],
  [thing({ nobody: 1 }), /nobody is an unknown field/],
  [
    `{"apiVersion": "apiserver.config.k8s.io/v1", "kind": "Thing", "name": "a", "name": "b"}`,
    /is there twice/,
  ],
  [thing({ name: 1 }), /name is not a string/],
  [thing({ on: 'true' }), /on is not true or false/],
  [thing({ words: ['a', 1] }), /words\[1\] is not a string/],
  [thing({ items: {} }), /items is not a list/],
  [thing({ items: [{}, 1] }), /items\[1\] is not a mapping/],
  [thing({ wait: 1 }), /wait is not a duration/],
  [thing({ wait: '1 s' }), /wait is not a duration/],
  [thing({ wait: null }), /wait is not a duration/],
  [thing({ kind: 'Other' }), /kind is not Thing/],
  [thing({ apiVersion: 'v1' }), /apiVersion is not apiserver.config.k8s.io\/v1/],
] as const) {
  test(`a configuration file cannot be used at the start: ${text}`, async () => {
    const { followed } = await follow(text);
    assert.ok('problems' in followed && followed.problems.length === 1);
    assert.match(followed.problems[0] ?? '', problem);
  });
}
