import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import pino from 'pino';
import { createProgram } from '../../src/app/compose.js';
import { parseOptions } from '../../src/options/parse.js';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('a program that fails to start leaves no timer', async t => {
  const files = await createServingFiles();
  const folder = temporaryFolder();
  const open = new Set<unknown>();
  const { setInterval: set, clearInterval: clear } = globalThis;
  t.mock.method(globalThis, 'setInterval', (...args: Parameters<typeof set>) => {
    const timer = set(...args);
    open.add(timer);
    return timer;
  });
  t.mock.method(globalThis, 'clearInterval', (timer: Parameters<typeof clear>[0]) => {
    open.delete(timer);
    clear(timer);
  });
  const tokens = join(folder, 'tokens.csv');
  await writeFile(tokens, 'secret,alice,1\n');
  const issuers = join(folder, 'issuers.yaml');
  await writeFile(
    issuers,
    'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt: []\n',
  );
  const { options } = parseOptions({
    argv: [
      '--server=http://127.0.0.1:1',
      ...files.flags,
      `--token-auth-file=${tokens}`,
      `--authentication-config=${issuers}`,
      '--authentication-token-webhook',
      `--audit-log-path=${join(folder, 'audit.log')}`,
      '--www=/nothing/here',
    ],
    env: {},
  });
  const created = await createProgram(options, {
    env: {},
    homedir: folder,
    version: '0',
    nodeVersion: '0',
    logger: pino({ level: 'silent' }),
  });
  assert.ok('problems' in created);
  assert.equal(created.problems.length, 1, created.problems.join('\n'));
  assert.equal(open.size, 0);
});
