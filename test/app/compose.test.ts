import assert from 'node:assert/strict';
import { it } from 'node:test';
import { allProblems, createProgram } from '../../src/app/compose.js';
import { createLogger } from '../../src/observability/log/logger.js';
import { parseOptions } from '../../src/options/parse.js';
import { callersFlag } from '../support/proxy/callers.js';

it('mistakes in flags and in files are reported together, and a missing kubeconfig only if nothing else is wrong', () => {
  const missing = 'no kubeconfig: pass one';
  assert.deepEqual(allProblems(['of a flag'], ['of a file']), ['of a flag', 'of a file']);
  assert.deepEqual(allProblems(['of a flag'], [missing]), ['of a flag']);
  assert.deepEqual(allProblems([], [missing]), [missing]);
});

it('a program is ready until it leaves, and its identity impersonates one user or the callers', async t => {
  const create = async (...flags: readonly string[]) => {
    const { options } = parseOptions({ argv: ['--server=http://127.0.0.1:1', ...flags], env: {} });
    const logger = createLogger({ level: 'silent', format: 'json' });
    const info = { env: {}, homedir: '/nowhere', version: '1.0.0', logger };
    return createProgram(options, info);
  };
  for (const flags of [['--as=jane'], [callersFlag('/dev/null')]]) {
    const program = await create(...flags);
    assert.ok('app' in program, flags.join());
    t.after(() => program.close());
    const readyz = async () => {
      const asked = ['credentials', 'upstream', 'impersonation'].map(name => `exclude=${name}`).join('&');
      const { statusCode, body } = await program.app.inject(`/-/readyz?verbose&${asked}`);
      return [statusCode, body.split('\n').filter(line => line.includes('shutdown'))];
    };
    assert.deepEqual(await readyz(), [200, ['[+]shutdown ok']]);
    program.beUnready();
    assert.deepEqual(await readyz(), [500, ['[-]shutdown failed: the process is shutting down']]);
  }
  const both = await create('--as=jane', callersFlag('/dev/null'));
  assert.match(String('problems' in both && both.problems), /requests impersonate the authenticated callers/);
});
