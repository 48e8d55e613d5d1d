import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FakeWindow } from './fake-window.js';

const window = new FakeWindow('https://gw.example/-/ui/');
const { forgetVisits, visit, visitsOf } = await import(
  '../../../../src/features/explorer/page/api/visits.js'
);
const key = 'kube-api-proxy-namespaces /-/ui/';

it('the namespaces that a caller has seen in a cluster are kept, the last one first', () => {
  for (const namespace of ['a', 'b', '', 'a']) visit('/clusters/x', 'alice', namespace);
  visit('/clusters/x', 'bob', 'c');
  visit('', 'alice', 'd');
  assert.deepEqual(visitsOf('/clusters/x', 'alice'), ['a', '', 'b']);
  assert.deepEqual(visitsOf('/clusters/x', 'bob'), ['c']);
  assert.deepEqual(visitsOf('', 'alice'), ['d']);
  assert.deepEqual(visitsOf('', 'carol'), []);
  forgetVisits();
  assert.deepEqual(visitsOf('', 'alice'), []);
});

it('at most 20 namespaces of 20 callers are kept: the last ones', () => {
  for (let caller = 0; caller < 25; caller++)
    for (let at = 0; at < 25; at++) visit('', `user-${caller}`, `n-${at}`);
  assert.equal(visitsOf('', 'user-24').length, 20);
  assert.deepEqual([visitsOf('', 'user-24')[0], visitsOf('', 'user-24').at(-1)], ['n-24', 'n-5']);
  assert.deepEqual([visitsOf('', 'user-5').length, visitsOf('', 'user-4').length], [20, 0]);
  forgetVisits();
});

it('what another page of this origin wrote there is not read unless each namespace is a name that one can have', () => {
  const entry = (...namespaces: unknown[]) => JSON.stringify([['', 'alice', ...namespaces]]);
  for (const text of [
    ...['', '{', 'null', '7', '{}', '[7]', '[[]]', '[["",{}]]', '{"__proto__":[["","alice","a"]]}'],
    ...[
      'javascript:alert(1)',
      '../x',
      'a/b',
      'A',
      'a b',
      'a.b',
      '-a',
      '<b>a</b>',
      'a%2f',
      '‮a',
      7,
      null,
      {},
    ].map(namespace => entry('good', namespace)),
    entry('a'.repeat(64)),
    entry(...Array.from({ length: 21 }, () => 'a')),
    `${entry('a')}${' '.repeat(100_000)}`,
  ]) {
    window.kept?.set(key, text);
    assert.deepEqual(visitsOf('', 'alice'), [], text.slice(0, 100));
  }
  window.kept?.set(key, entry('good', '', 'a'.repeat(63)));
  assert.equal(visitsOf('', 'alice').length, 3);
});

it('a browser that keeps nothing has no visits', () => {
  window.kept = undefined;
  visit('', 'alice', 'a');
  forgetVisits();
  assert.deepEqual(visitsOf('', 'alice'), []);
});
