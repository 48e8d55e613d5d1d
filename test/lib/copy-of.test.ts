import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { copyOf } from '../../src/lib/copy-of.js';
import { collectGarbage } from '../support/collect-garbage.js';

const texts = 200;
const line = 'x'.repeat(2_000);

/** A text of 118 KB of many lines, as it comes in a head, in a place of its own. */
function joined(): string {
  let text = '';
  for (let index = 0; index < 59; index += 1) text += line;
  return text;
}

/** Bytes of the heap that parts of many such texts take. */
function heldBy(partOf: (text: string) => string): number {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const parts = Array.from({ length: texts }, () => partOf(joined()));
  collectGarbage();
  const held = process.memoryUsage().heapUsed - before;
  assert.ok(parts.every(part => part === 'x'.repeat(128)));
  return held;
}

describe('a copy of the beginning of a text', () => {
  it('has no more characters than that', () => {
    assert.equal(copyOf('abc', 2), 'ab');
    assert.equal(copyOf('abc', 3), 'abc');
    assert.equal(copyOf('abc', 9), 'abc');
    assert.equal(copyOf('', 9), '');
    assert.equal(copyOf('\xe4\xff €', 9), '\xe4\xff €');
  });

  it('keeps nothing of the text in memory, unlike a slice', () => {
    const [slices, copies] = [heldBy(text => text.slice(0, 128)), heldBy(text => copyOf(text, 128))];
    assert.ok(slices > texts * 100_000, `slices hold ${slices} bytes`);
    // Other work of the process holds some, too.
    assert.ok(copies < texts * 10_000, `copies hold ${copies} bytes`);
  });
});
