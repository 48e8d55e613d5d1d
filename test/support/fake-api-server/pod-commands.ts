import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { PodFiles } from './pod-files.js';
import { readTar, writeTar } from './tar.js';

/** Columns and rows of the client's terminal. */
export interface TerminalSize {
  readonly Width: number;
  readonly Height: number;
}

/** The environment of a process in a pod: standard streams, the pod's files, perhaps a terminal. */
export interface PodProcess {
  readonly stdin: AsyncIterable<Buffer>;
  /** Resolve when the client's connection has accepted the bytes; reject if it has ended. */
  readonly out: (data: string | Buffer) => Promise<void>;
  readonly err: (data: string | Buffer) => Promise<void>;
  readonly files: PodFiles;
  readonly tty: boolean;
  /** The size that the client last sent; waits for the first. */
  readonly terminalSize: () => Promise<TerminalSize>;
  /** Aborted when the client has left. */
  readonly signal: AbortSignal;
}

type PodCommand = (args: readonly string[], process: PodProcess) => Promise<number>;

async function readAll(stdin: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const cat: PodCommand = async (args, process) => {
  if (args.length === 0) {
    for await (const chunk of process.stdin) await process.out(chunk);
    return 0;
  }
  for (const path of args) {
    const file = process.files.get(path);
    if (file?.type !== 'file') {
      await process.err(`cat: ${path}: No such file or directory\n`);
      return 1;
    }
    await process.out(file.content);
  }
  return 0;
};

/** `head -c N /dev/zero`: N zero bytes, as fast as the client reads them. */
const head: PodCommand = async (args, process) => {
  const chunk = Buffer.alloc(32 * 1024);
  for (let left = Number(args[1]); left > 0; left -= chunk.length) {
    await process.out(chunk.subarray(0, Math.min(left, chunk.length)));
  }
  return 0;
};

const stty: PodCommand = async (args, process) => {
  if (!process.tty || args[0] !== 'size') {
    await process.err("stty: 'standard input': Inappropriate ioctl for device\n");
    return 1;
  }
  const { Width, Height } = await process.terminalSize();
  await process.out(`${Height} ${Width}\n`);
  return 0;
};

const test: PodCommand = async ([flag, path = ''], process) => {
  const type = process.files.get(path)?.type;
  if (flag === '-d') return type === 'directory' ? 0 : 1;
  if (flag === '-f') return type === 'file' ? 0 : 1;
  return type === undefined ? 1 : 0;
};

/** `tar cf - PATH…` writes an archive, `tar xmf - [-C DIR]` unpacks one; other spellings of the flags work too. */
const tar: PodCommand = async (args, process) => {
  const flags = args[0]?.replace(/^-/, '') ?? '';
  const at = args.indexOf('-C');
  const directory = at < 0 ? '/' : (args[at + 1] ?? '/');
  if (flags.includes('x')) {
    for (const entry of readTar(await readAll(process.stdin))) {
      const path = posix.join(directory, entry.name);
      if (entry.type === 'directory') process.files.makeDirectory(path, entry.mode);
      else process.files.write(path, entry.content, entry.mode);
    }
    return 0;
  }
  const paths = args.slice(2).filter((_, index) => at < 0 || (index + 2 !== at && index + 2 !== at + 1));
  for (const path of paths) {
    if (process.files.get(posix.join(directory, path))) continue;
    await process.err(`tar: ${path}: Cannot stat: No such file or directory\n`);
    return 2;
  }
  const entries = paths.flatMap(path =>
    process.files.walk(posix.join(directory, path)).map(([name, file]) => ({
      ...file,
      name: `${posix.relative(at < 0 ? '/' : directory, name)}${file.type === 'directory' ? '/' : ''}`,
    })),
  );
  await process.out(writeTar(entries));
  return 0;
};

/** The programs that the pods' containers have, by name. */
export const podCommands: Readonly<Record<string, PodCommand>> = {
  cat,
  head,
  stty,
  test,
  tar,
  echo: async (args, process) => {
    const bare = args[0] === '-n';
    await process.out(`${args.slice(bare ? 1 : 0).join(' ')}${bare ? '' : '\n'}`);
    return 0;
  },
  ls: async ([path = '/'], process) => {
    const names = process.files.names(path);
    await process.out(names.map(name => `${name}\n`).join(''));
    return 0;
  },
  sha256sum: async (_args, process) => {
    const hash = createHash('sha256');
    for await (const chunk of process.stdin) hash.update(chunk);
    await process.out(`${hash.digest('hex')}  -\n`);
    return 0;
  },
  sleep: async ([seconds = '0'], process) => {
    await delay(Number(seconds) * 1000, undefined, { signal: process.signal });
    return 0;
  },
  true: async () => 0,
};
