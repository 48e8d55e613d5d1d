import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Scope } from '../scope.js';
import { type GuardedProcess, startGuarded } from './guarded-process.js';

/** Milliseconds; a start takes 6 to 20 s on two processors, and more if other programs use them. */
const patience = 180_000;

// The pipe at descriptor 3 ends with its writer. A server that is being killed may still write.
const remove = 'read -r _ <&3; until rm -rf "$1"; do sleep 0.1; done';

/**
 * A temporary folder for the files of some servers. When the scope or this process ends, however that happens, they are killed, and the
 * folder is removed.
 */
export class ServerFolder {
  readonly path: string;
  readonly #processes: GuardedProcess[] = [];
  readonly #remover: ChildProcess;
  #isClosed = false;

  private constructor(path: string) {
    this.path = path;
    this.#remover = spawn('sh', ['-c', remove, 'sh', path], {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
  }

  static async create(scope: Scope): Promise<ServerFolder> {
    const folder = new ServerFolder(await mkdtemp(join(tmpdir(), 'kube-apiserver-')));
    scope.after(() => folder.#close());
    return folder;
  }

  /** Starts a server whose log is `NAME.log`, and waits until it is ready. If it ends instead, rejects with the end of its log. */
  async start(
    name: string,
    command: readonly string[],
    isReady: () => Promise<boolean>,
  ): Promise<GuardedProcess> {
    if (this.#isClosed) throw new Error(`${name} is not needed any more`);
    const logFile = join(this.path, `${name}.log`);
    const log = openSync(logFile, 'a', 0o600);
    const server = startGuarded(command, { output: log });
    closeSync(log);
    this.#processes.push(server);
    const deadline = Date.now() + patience;
    while (server.isRunning() && Date.now() < deadline) {
      if (await isReady().catch(() => false)) return server;
      await delay(50);
    }
    await server.kill();
    if (this.#isClosed) throw new Error(`${name} was stopped`);
    const end = (await readFile(logFile, 'utf8')).trimEnd().split('\n').slice(-20).join('\n');
    throw new Error(`${name} is not ready; the end of its log:\n${end}`);
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#processes.map(server => server.kill()));
    const removed = once(this.#remover, 'exit');
    this.#remover.stdio[3]?.destroy();
    await removed;
  }
}

/** Calls `start` again if another process took its port meanwhile. */
export async function withFreePorts<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (attempt === 3 || !/address already in use/.test(String(error))) throw error;
    }
  }
}
