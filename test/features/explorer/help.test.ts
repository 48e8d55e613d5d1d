import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatHelp } from '../../../src/options/help.js';

test('the text of --help shows the default of a switch that is on', () => {
  assert.match(formatHelp(), /^ {6}--explorer\n(?: {6}.*\n)*? {6}.*\(default true\)$/m);
});
