import assert from 'node:assert/strict';
import { it } from 'node:test';
import { JoinedBytes, SharedBytes } from '../../../src/features/shared-watches/shared-bytes.js';

it('bytes that clients share do not change with a copy of them, and are not copied to be kept', () => {
  const part = () => new SharedBytes([Buffer.from('a'), Buffer.from('bc')]);
  for (const bytes of [part(), new JoinedBytes([part(), part()])]) {
    const text = bytes.toLatin1();
    bytes.copy().fill(0);
    assert.equal(bytes.toLatin1(), text);
    assert.equal(bytes.keep(), bytes.view());
  }
});
