import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds in which the system has to give the content of a file. */
const answerTimeout = 10_000;
/** Milliseconds that a pipe is waited for when it is read for the first time: it may come from a program that logs in somewhere. */
const pipeTimeout = 60_000;
/** Milliseconds between two looks into a pipe that has nothing yet. */
const pipeInterval = 20;
/** Bytes of a pipe or a device, which may have no end. */
const mostStreamed = 16 * 1024 * 1024;

/** Files that the system has not answered for. Each holds one of the four threads that all files share, so that none is asked for twice. */
const stuck = new Set<string>();
/** Files that were read before: a pipe gives its content once. */
const met = new Set<string>();

/**
 * The content of a file, or of a pipe to its end, such as a shell's `<(command)`. Rejects with the system's error. Its code is ETIMEDOUT when the
 * system does not answer in time, as for a file server that has gone, and ENODATA for a pipe in which there is nothing.
 */
export function readWhole(
  file: string,
  timeout = { answer: answerTimeout, pipe: pipeTimeout },
): Promise<Buffer> {
  const patience = met.has(file) ? 0 : timeout.pipe;
  met.add(file);
  return readWithin(file, timeout.answer, async (handle, stopTimer) => {
    const found = await handle.stat();
    // A folder has its own error.
    if (found.isFile() || found.isDirectory()) return handle.readFile();
    stopTimer();
    return readStream(handle, found.isFIFO(), patience);
  });
}

/** The content of a regular file; rejects for everything else, of which to read might take away what it is for others. */
export function readRegular(file: string, timeout = answerTimeout): Promise<Buffer> {
  return readWithin(file, timeout, async handle => {
    if (!(await handle.stat()).isFile()) throw new Error('not a regular file');
    return handle.readFile();
  });
}

type Read = (handle: FileHandle, stopTimer: () => void) => Promise<Buffer>;

function readWithin(file: string, timeout: number, read: Read): Promise<Buffer> {
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

async function openAndRead(file: string, read: (handle: FileHandle) => Promise<Buffer>): Promise<Buffer> {
  // Without O_NONBLOCK a FIFO blocks a thread until somebody writes to it, and the end of the process with it (fifo(7)).
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return await read(handle);
  } finally {
    await handle.close();
  }
}

/** Waits for the writer of a pipe, and for what it writes, `patience` milliseconds in all. */
async function readStream(handle: FileHandle, isPipe: boolean, patience: number): Promise<Buffer> {
  const end = performance.now() + patience;
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const chunk = await readSome(handle);
    // Of a pipe, nothing at all is that nobody has begun to write.
    if (chunk?.length === 0 && (length > 0 || !isPipe)) return Buffer.concat(chunks);
    if (chunk !== undefined && chunk.length > 0) chunks.push(chunk);
    else if (performance.now() >= end) throw withCode('ENODATA');
    else await sleep(pipeInterval);
    length += chunk?.length ?? 0;
    if (length > mostStreamed) throw withCode('EFBIG');
  }
}

/** Empty at the end; undefined when there is nothing yet. */
async function readSome(handle: FileHandle): Promise<Buffer | undefined> {
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(64 * 1024));
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}
