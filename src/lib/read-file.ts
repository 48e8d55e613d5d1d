import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { codedError } from './connection-failure.js';

/** Milliseconds that the system may take to return the content of a file. */
const answerTimeout = 10_000;
/** Milliseconds to wait for a pipe at its first read. The program that writes to it may have to log in first. */
const pipeTimeout = 60_000;
/** Milliseconds between two reads of a pipe that is still empty. */
const pipeInterval = 20;
/** Maximum bytes to read. A pipe or a device may have no end, and a regular file may be the wrong one. */
const mostBytes = 16 * 1024 * 1024;

/** Files whose read has not ended. Each occupies one of the four threads that all file operations share, so no second read is started. */
const stuck = new Set<string>();
/** Files that were read before: a pipe delivers its content only once. */
const known = new Set<string>();

/** Reads a file: `readWhole`, or the function of files that are followed. */
export type ReadFile = (file: string) => Promise<Buffer>;

/**
 * The content of a file, or of a pipe until its end, such as a shell's `<(command)`. Rejects with the system's error. The code is ETIMEDOUT
 * if the system does not answer in time, for example because a file server is down. It is ENODATA if no program writes to the pipe, and
 * EFBIG if there are more than 16 MB.
 */
export async function readWhole(file: string, timeout?: Timeouts): Promise<Buffer> {
  return (await readAny(file, timeout)).content;
}

/** Milliseconds. */
interface Timeouts {
  readonly answer: number;
  readonly pipe: number;
}

/** Like `readWhole`, with whether it is a regular file: its content can be read again. */
export function readAny(
  file: string,
  timeout: Timeouts = { answer: answerTimeout, pipe: pipeTimeout },
): Promise<{ readonly content: Buffer; readonly isRegular: boolean }> {
  const patience = known.has(file) ? 0 : timeout.pipe;
  known.add(file);
  return readWithin(file, timeout.answer, async (handle, stopTimer) => {
    const found = await handle.stat();
    if (!found.isFile()) stopTimer();
    return { content: await readToEnd(handle, found.isFIFO(), patience), isRegular: found.isFile() };
  });
}

/** The content of a regular file. Rejects for any other file: reading a pipe or device could take data away from its intended reader. */
export function readRegular(file: string, timeout = answerTimeout): Promise<Buffer> {
  return readWithin(file, timeout, async handle => {
    if (!(await handle.stat()).isFile()) throw new Error('not a regular file');
    return readToEnd(handle, false, 0);
  });
}

type Read<T> = (handle: FileHandle, stopTimer: () => void) => Promise<T>;

function readWithin<T>(file: string, timeout: number, read: Read<T>): Promise<T> {
  if (stuck.has(file)) return Promise.reject(withCode('ETIMEDOUT'));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stuck.add(file);
      reject(withCode('ETIMEDOUT'));
    }, timeout);
    const stopTimer = () => clearTimeout(timer);
    const end = () => {
      stopTimer();
      stuck.delete(file);
    };
    openAndRead(file, handle => read(handle, stopTimer))
      .finally(end)
      .then(resolve, reject);
  });
}

async function openAndRead<T>(file: string, read: (handle: FileHandle) => Promise<T>): Promise<T> {
  // Without O_NONBLOCK, opening a FIFO blocks a thread until a program writes to it, and so blocks the end of the process (fifo(7)).
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return await read(handle);
  } finally {
    await handle.close();
  }
}

/** Waits at most `patience` milliseconds in total for the writer of a pipe and for its data. For a folder, rejects with the system's error. */
async function readToEnd(handle: FileHandle, isPipe: boolean, patience: number): Promise<Buffer> {
  const end = performance.now() + patience;
  const chunks: Buffer[] = [];
  for (let length = 0; length <= mostBytes; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(64 * 1024)).catch(nothingYet);
    // A pipe that ends without a byte has no writer yet.
    if (bytesRead === 0 && (length > 0 || !isPipe)) return Buffer.concat(chunks);
    length += Math.max(bytesRead, 0);
    if (bytesRead > 0) chunks.push(buffer.subarray(0, bytesRead));
    else if (performance.now() >= end) throw withCode('ENODATA');
    else await sleep(pipeInterval);
  }
  throw withCode('EFBIG');
}

/** The result of reading a pipe that has a writer and no data. */
function nothingYet(error: NodeJS.ErrnoException): { bytesRead: number; buffer: Buffer } {
  if (error.code !== 'EAGAIN') throw error;
  return { bytesRead: -1, buffer: Buffer.alloc(0) };
}

function withCode(code: string): Error {
  return codedError(code, code);
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EISDIR: 'is a directory',
  EACCES: 'permission denied',
  ENOTDIR: 'part of its path is not a folder',
  ETIMEDOUT: 'reading it takes too long',
  ENODATA: 'is a pipe that no program writes to',
  EFBIG: 'is larger than 16 MB',
};

/** Why a file could not be read, in words for a message, after the file's name. They never contain the file's content. */
export function describeFileError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return reasons[code] ?? `cannot be read (${code})`;
}
