import assert from 'node:assert/strict';
import { createLogger } from '../../src/observability/logger.js';
import { parseOptions } from '../../src/options/parse.js';
import { createProgram } from '../../src/start.js';

/**
 * Why the program with these flags and this environment does not start, asked of its parts in this process, which takes a
 * hundredth of what a process of its own takes. What the program does with problems (one line each on standard error, exit code 1) is
 * the same for all of them, and is tested with some in e2e/start-up-problems. Fails where it would go on to listen.
 */
export async function startUpProblems(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const parsed = parseOptions({ argv, env });
  const created = await createProgram(parsed.options, {
    ...{ env, homedir: env['HOME'] ?? '/nonexistent', version: '', nodeVersion: '' },
    logger: createLogger({ level: 'silent', format: 'json' }),
  });
  if ('app' in created) await created.app.close();
  const problems = [...parsed.problems, ...('problems' in created ? created.problems : [])];
  assert.ok(problems.length > 0, 'the program would start');
  for (const problem of problems) assert.match(problem, /^\S.*$/, 'it is one line');
  return problems;
}
