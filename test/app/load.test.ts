import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadParts } from '../../src/app/load.js';
import type { Options } from '../../src/options/table.js';

it('a --www that is missing, or a file, is a problem with its value', async () => {
  const parts = { core: { cluster: { open: async () => ({}) } }, features: { create: async () => ({}) } };
  const load = (www: string) =>
    loadParts({ www } as Options, parts as unknown as Parameters<typeof loadParts>[1]);
  for (const www of ['/nowhere/at/all', fileURLToPath(import.meta.url)])
    assert.deepEqual(await load(www), { problems: [`--www: "${www}" is not a folder`] });
  assert.deepEqual(await load(''), { www: '', added: {} });
});
