import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds that the system may take for the content of a file. */
const answerTimeout = 10_000;
/** Milliseconds to wait for a pipe on its first read: the program that writes to it may have to log in somewhere. */
const pipeTimeout = 60_000;
/** Milliseconds between two reads of a pipe that is still empty. */
const pipeInterval = 20;
/** The most bytes that are read from a pipe or a device, which may have no end. */
const mostStreamed = 16 * 1024 * 1024;

/** Files whose read has not ended. Each occupies one of the four threads that all files share, so no second read begins. */
const stuck = new Set<string>();
/** Files that were read before: the content of a pipe comes only once. */
const known = new Set<string>();

/**
 * The content of a file, or of a pipe to its end, such as a shell's `<(command)`. Rejects with the system's error. The code is ETIMEDOUT if
 * the system does not answer in time, for example because a file server has gone, and ENODATA if nobody writes to the pipe.
 */
export function readWhole(
  file: string,
  timeout = { answer: answerTimeout, pipe: pipeTimeout },
): Promise<Buffer> {
  const patience = known.has(file) ? 0 : timeout.pipe;
  known.add(file);
  return readWithin(file, timeout.answer, async (handle, stopTimer) => {
    const found = await handle.stat();
    // readFile has an error of its own for a folder.
    if (found.isFile() || found.isDirectory()) return handle.readFile();
    stopTimer();
    return readStream(handle, found.isFIFO(), patience);
  });
}

/** The content of a regular file. Rejects for everything else: reading a pipe or device could take data away from its real reader. */
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

/** Reads to the end. Waits for the writer of a pipe and for its data, `patience` milliseconds in all. */
async function readStream(handle: FileHandle, isPipe: boolean, patience: number): Promise<Buffer> {
  const end = performance.now() + patience;
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const chunk = await readSome(handle);
    // A pipe that ends without a byte has no writer yet.
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
