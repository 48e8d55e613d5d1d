import assert from 'node:assert/strict';
import { it } from 'node:test';
import { allProblems } from '../../src/app/compose.js';

it('mistakes in flags and in files are reported together, and a missing kubeconfig only if nothing else is wrong', () => {
  const missing = 'no kubeconfig: pass one';
  assert.deepEqual(allProblems(['of a flag'], ['of a file']), ['of a flag', 'of a file']);
  assert.deepEqual(allProblems(['of a flag'], [missing]), ['of a flag']);
  assert.deepEqual(allProblems([], [missing]), [missing]);
});
