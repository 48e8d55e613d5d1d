import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { temporaryFolder } from '../temporary-folder.js';

const run = promisify(execFile);

/** A folder `node_modules` with clients, which are too large to be installed only for a few tests. */
const modules = process.env['KUBERNETES_CLIENT_NODE'];

/** Why a test of a client is skipped; undefined if the client is here. With REQUIRE_CLIENTS a missing client is an error. */
export function whyNot(isHere: boolean, what: string): string | undefined {
  if (isHere) return undefined;
  assert.equal(process.env['REQUIRE_CLIENTS'], undefined, `${what} is required and missing`);
  return `${what} is not installed`;
}

/** Why what needs a client of the npm registry is skipped; undefined if the client is here. */
export function whyNoJavascript(client = '@kubernetes/client-node'): string | undefined {
  return whyNot(modules !== undefined && existsSync(join(modules, client)), client);
}

/** A test that needs a client of the npm registry, by default @kubernetes/client-node. */
export function javascriptClientTest(
  name: string,
  body: (t: TestContext) => Promise<void>,
  client = '@kubernetes/client-node',
): void {
  test(name, { skip: whyNoJavascript(client) }, body);
}

/** The path of a file of a client's package. */
export function clientFile(client: string, file: string): string {
  return join(modules as string, client, file);
}

/**
 * Runs a module that imports @kubernetes/client-node, and returns what it prints. Rejects if the program fails.
 *
 * @param options.node Path of another Node.js than this one.
 */
export async function runJavascript(
  code: string,
  args: readonly string[] = [],
  { node = process.execPath, cwd }: { readonly node?: string; readonly cwd?: string } = {},
): Promise<string> {
  return (await run(node, [await writeProgram(code), ...args], { cwd })).stdout;
}

/** Starts such a module; the caller kills it. */
export async function startJavascript(code: string, args: readonly string[]): Promise<ChildProcess> {
  return spawn(process.execPath, [await writeProgram(code), ...args], { stdio: 'pipe' });
}

/** Writes such a module, and returns its path. */
export async function writeProgram(code: string): Promise<string> {
  const folder = temporaryFolder();
  const file = join(folder, 'program.mjs');
  await writeFile(file, code);
  await symlink(modules as string, join(folder, 'node_modules'));
  return file;
}
