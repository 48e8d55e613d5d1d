import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Problems } from '../../feature.js';
import { describeFileError } from '../../lib/read-file.js';

/** The folder of one run, which only its owner can read. */
export interface RunFolder {
  readonly kubeconfig: string;
  readonly cache: string;
  /** Removes it with all that is in it. Never throws. */
  remove(): void;
}

/** Its name: the user, the process, when that began, its PID namespace, and six random characters. */
const folderName = /^kube-api-proxy-run-(\d+)-(\d+)-(\d+)-(\d+)-\w{6}$/;

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/**
 * Where folders of runs are made: in $XDG_RUNTIME_DIR if that is a folder of this user, as its specification says, else in the temporary
 * folder. It is a problem if others could put something else in the place of a folder there.
 */
export function findParent(env: Readonly<Record<string, string | undefined>>): string | Problems {
  const own = env['XDG_RUNTIME_DIR'] ?? '';
  const isOwn = isAbsolute(own) && statSync(own, { throwIfNoEntry: false })?.uid === process.getuid?.();
  const [path, name] = isOwn ? [own, 'XDG_RUNTIME_DIR'] : [tmpdir(), 'the temporary folder'];
  try {
    const { mode, uid } = statSync(path);
    const isSticky = (mode & 0o1000) !== 0;
    if ((mode & 0o022) !== 0 && !isSticky) {
      return { problems: [`${name}: ${path}: others may write there, and it has no sticky bit`] };
    }
    if (uid !== 0 && uid !== process.getuid?.()) {
      return { problems: [`${name}: ${path} belongs to another user`] };
    }
    return realpathSync(path);
  } catch (error) {
    return { problems: [`${name}: ${path}: ${describeFileError(error)}`] };
  }
}

/** Makes the folder of this process, with the kubeconfig in it. */
export function createRunFolder(parent: string, kubeconfig: string): RunFolder | Problems {
  const owner = `${process.getuid?.()}-${process.pid}-${startOf(process.pid)}-${namespaceOf()}`;
  try {
    const folder = mkdtempSync(join(parent, `kube-api-proxy-run-${owner}-`));
    const file = join(folder, 'config');
    writeNewFile(file, kubeconfig);
    return { kubeconfig: file, cache: join(folder, 'cache'), remove: () => removeFolder(folder) };
  } catch (error) {
    return {
      problems: [`${parent}: no folder can be made there (${(error as NodeJS.ErrnoException).code})`],
    };
  }
}

function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // A process of the command that goes on writes to it. The next run removes it.
  }
}

/** Writes a file that does not exist yet. Throws if anything has its name, be it a link to nothing. */
export function writeNewFile(path: string, text: string): void {
  const file = openSync(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
  writeFileSync(file, text);
  closeSync(file);
}

/** Removes the folders of this user's runs whose process was killed. Follows no links. Never rejects. */
export async function removeLeftFolders(parent: string): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  for (const name of names) {
    const [, uid, pid, start, namespace] = folderName.exec(name) ?? [];
    // The numbers of processes of another container mean nothing here.
    if (Number(uid) !== process.getuid?.() || namespace !== namespaceOf()) continue;
    if (startOf(Number(pid)) === start) continue;
    try {
      const found = await lstat(join(parent, name));
      if (found.isDirectory() && found.uid === process.getuid?.()) {
        await rm(join(parent, name), { recursive: true, force: true });
      }
    } catch {
      // Another run was faster.
    }
  }
}

/** When a process began, in ticks since the start of the system (proc(5)). Without /proc: 0 if it runs. Undefined if it does not run. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program can have spaces and brackets.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return isRunning(pid) ? '0' : undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The number of the PID namespace; 0 where there are none. */
function namespaceOf(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}
