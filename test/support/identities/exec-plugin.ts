import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../replaced-file.js';
import { temporaryFolder } from '../temporary-folder.js';

/** The part of an ExecCredential that a plugin fills in. */
interface ExecStatus {
  readonly token?: string;
  readonly clientCertificateData?: string;
  readonly clientKeyData?: string;
  readonly expirationTimestamp?: string;
}

const script = `#!/bin/sh
here=\${0%/*}
echo $$ >> "$here/pids"
: > "$here/args"
for arg; do printf '%s\\n' "$arg" >> "$here/args"; done
cat > "$here/stdin"
env > "$here/env"
printf '%s\\n' "$KUBERNETES_EXEC_INFO" >> "$here/infos"
echo run >> "$here/runs"
if [ -f "$here/stderr" ]; then cat "$here/stderr" >&2; fi
if [ -f "$here/stubborn" ]; then trap '' TERM; fi
if [ -f "$here/hang" ]; then
  sleep 60 &
  echo $! >> "$here/pids"
  wait
fi
if [ -f "$here/child" ]; then
  sleep 60 &
  echo $! >> "$here/pids"
fi
while [ -f "$here/held" ]; do sleep 0.05; done
if [ -f "$here/stdout" ]; then cat "$here/stdout"; fi
`;

/** A real exec credential plugin: a shell script in a folder of its own. Files next to it control what it does. */
export type ExecPlugin = Awaited<ReturnType<typeof writeExecPlugin>>;

/** Writes a plugin without an answer. `remove` ends processes that its runs may have left. */
export async function writeExecPlugin({
  apiVersion = 'client.authentication.k8s.io/v1',
  name = 'get-credential',
}: {
  readonly apiVersion?: string;
  readonly name?: string;
} = {}) {
  const directory = temporaryFolder();
  const path = join(directory, name);
  await writeFile(path, script, { mode: 0o755 });

  // In one step, so that a running plugin never reads half of it.
  const put = (file: string, content: string) => replaceFile(join(directory, file), content);
  const lines = (file: string): string[] => {
    const target = join(directory, file);
    return existsSync(target) ? readFileSync(target, 'utf8').split('\n').slice(0, -1) : [];
  };
  const pids = () => lines('pids').map(Number);
  return {
    ...{ path, directory, name },
    /** The `exec` of a kubeconfig's user that runs it; `more` takes precedence. */
    exec: (more?: Readonly<Record<string, unknown>>): Record<string, unknown> => {
      return { apiVersion, command: path, interactiveMode: 'Never', ...more };
    },
    /** From now on it answers with this status, in its API version. */
    answer: (status: ExecStatus) =>
      put('stdout', JSON.stringify({ kind: 'ExecCredential', apiVersion, status })),
    /** From now on it writes this text. */
    write: (stdout: string) => put('stdout', stdout),
    /** From now on it writes this text to its stderr first. */
    complain: (stderr: string) => put('stderr', stderr),
    /** From now on it waits before its answer until it is released. Returns the function that releases it. */
    async hold(): Promise<() => Promise<void>> {
      await put('held', '');
      return () => rm(join(directory, 'held'), { force: true });
    },
    /** From now on it starts a child that shares its pipes and waits for it; a stubborn one ignores SIGTERM. */
    async hang({ stubborn = false } = {}): Promise<void> {
      if (stubborn) await put('stubborn', '');
      await put('hang', '');
    },
    /** From now on it leaves a child behind that shares its pipes. */
    leaveChild: () => put('child', ''),
    /** How often it was started. */
    runs: () => lines('runs').length,
    /** The values of KUBERNETES_EXEC_INFO, one per run. */
    infos: () => lines('infos').map(line => JSON.parse(line) as unknown),
    /** The arguments of the last run. */
    args: () => lines('args'),
    /** The environment of the last run, without variables that contain line breaks. */
    env: () =>
      Object.fromEntries(
        lines('env').flatMap(line => {
          const [, key, value] = /^([^=]+)=(.*)$/.exec(line) ?? [];
          return key === undefined ? [] : [[key, value]];
        }),
      ) as Record<string, string>,
    /** Process ids of itself and its children, over all runs. */
    pids,
    async remove(): Promise<void> {
      for (const pid of pids().filter(isAlive)) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // The process has already ended.
        }
      }
    },
  };
}

/** Whether a process is still running. A process that has ended and waits to be reaped is not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/^\d+ \(.*\) [ZX] /.test(readFileSync(stat, 'utf8'));
}
