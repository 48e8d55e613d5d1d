import { spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { isInstalled } from '../installed.js';

const available = isInstalled('helm');
const required = process.env['REQUIRE_HELM'] === '1';

/** The exit code and the output of helm. */
export function helm(args: readonly string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync('helm', args, { encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

/** A test that needs helm. Without helm it is skipped with a message, or fails if REQUIRE_HELM=1. */
export function helmTest(name: string, run: (t: TestContext) => void | Promise<void>): void {
  test(name, { skip: !available && !required && 'helm is not in PATH' }, run);
}
