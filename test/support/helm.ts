import { spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';

const available = spawnSync('helm', ['version']).status === 0;
const required = process.env['REQUIRE_HELM'] === '1';

/** How helm ended and what it wrote. */
export function helm(args: readonly string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync('helm', args, { encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

/** A test that needs helm: skipped with a message where there is none, and not skipped if REQUIRE_HELM=1. */
export function helmTest(name: string, run: (t: TestContext) => void | Promise<void>): void {
  test(name, { skip: !available && !required && 'helm is not in PATH' }, run);
}
