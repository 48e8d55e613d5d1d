import assert from 'node:assert/strict';
import type { ValueType } from '../../src/lib/value-type.js';

/** The value that an option of this type has for a text, which must be valid. */
export function parsedValue<T>(type: ValueType<T>, text: string): T {
  const parsed = type.parse(text, 'text');
  assert.ok('value' in parsed, JSON.stringify(parsed));
  return parsed.value;
}
