import assert from 'node:assert/strict';
import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { collectText } from '../collected-text.js';
import { within } from '../eventually.js';
import { makeFifo } from '../fifo.js';
import { program } from '../project.js';
import type { Scope } from '../scope.js';

/** The writing end of a pipe that nobody reads. A write to it blocks when the pipe is full. */
export function openPipe(scope: Scope): number {
  const pipe = openSync(makeFifo(), 'r+');
  scope.after(() => closeSync(pipe));
  return pipe;
}

/** Starts the program. It rejects all requests for an API server, and logs them. */
export function startUnread(scope: Scope, flags: readonly string[], stdio: SpawnOptions['stdio']) {
  const always = [
    '--server=http://127.0.0.1:1',
    '--log-requests=all',
    '--reject-paths=^/x',
    '--shutdown-grace=3s',
  ];
  const child = spawn(process.execPath, [program, ...always, ...flags], { stdio: stdio as 'pipe' });
  scope.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  return {
    ...{ stdout: collectText(child.stdout) },
    async stop() {
      child.kill('SIGTERM');
      assert.deepEqual(await within('the end of the program', exited), [0, null]);
    },
  };
}

/** The path of a request whose log line has more than 2,366 bytes: a line has 2,048 of a path. */
export const longPath = `/x${'y'.repeat(2_100)}`;
