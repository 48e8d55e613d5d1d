import assert from 'node:assert/strict';
import { it } from 'node:test';
import { JoinedBytes, SharedBytes } from '../../../src/features/shared-watches/shared-bytes.js';

it('bytes that clients share are not copied to be kept', () => {
  const part = () => new SharedBytes([Buffer.from('a'), Buffer.from('bc')]);
  for (const bytes of [part(), new JoinedBytes([part(), part()])]) {
    assert.equal(bytes.length, bytes.view().length);
    assert.equal(bytes.keep(), bytes.view());
  }
});
