import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { whyNot } from './javascript-client.js';

/** Debian's Python has Debian's packages, but another Python may come first in PATH. */
export const python = '/usr/bin/python3';

/** Why a test of Python's client is skipped; undefined if it is here. */
export const whyNoPython = whyNot(
  spawnSync(python, ['-c', 'import kubernetes']).status === 0,
  'python3-kubernetes',
);

/** Starts a program that imports kubernetes; the caller kills it. */
export function startPython(code: string, args: readonly string[]): ChildProcess {
  return spawn(python, ['-uc', code, ...args], { stdio: 'pipe' });
}
