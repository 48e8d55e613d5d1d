import { execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { collectText } from '../collected-text.js';
import { wholeLines } from '../json-lines.js';
import { projectFile } from '../project.js';
import type { Scope } from '../scope.js';
import { temporaryFolder } from '../temporary-folder.js';

/** Where Debian's package golang-k8s-client-go-dev has client-go. */
const gopath = process.env['GOPATH'] ?? '/usr/share/gocode';

/** Why tests with client-go are skipped; undefined if it is here. */
export const whyNoGo =
  spawnSync('go', ['version']).status === 0 && existsSync(join(gopath, 'src/k8s.io/client-go/informers'))
    ? undefined
    : 'go and golang-k8s-client-go-dev are not there';

let built: Promise<string> | undefined;

/** Compiles the informer. That can take longer than a gateway in the test's own process may stand still. */
async function compile(): Promise<string> {
  const program = join(temporaryFolder(), 'informer');
  const source = projectFile('test/support/clients/informer/main.go');
  await promisify(execFile)('go', ['build', '-o', program, source], {
    env: { ...process.env, GO111MODULE: 'off', GOPATH: gopath },
  });
  return program;
}

/** Starts a typed informer of client-go for namespaces, which ends with the scope. Returns the lines that it has printed, such as `ADDED a`. */
export async function startGoInformer(
  scope: Scope,
  url: string,
  token: string,
  /** The media types that it accepts; '' for JSON. */
  accept: string,
  /** Whether its reflector lists by watching (KEP-3157), or with a list. */
  { listsByWatching }: { readonly listsByWatching: boolean },
): Promise<() => string[]> {
  built ??= compile();
  const child = spawn(await built, [url, token, accept], {
    env: { ...process.env, KUBE_FEATURE_WatchListClient: String(listsByWatching) },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  scope.after(() => child.kill('SIGKILL'));
  const text = collectText(child.stdout);
  return () => wholeLines(text());
}
