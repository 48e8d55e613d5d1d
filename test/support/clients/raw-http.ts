import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import { patience } from '../eventually.js';

/** One end of a connection that writes and reads raw bytes. */
export type RawConnection = ReturnType<typeof watchRaw>;

/** Connects to a port of 127.0.0.1. */
export async function connectRaw(port: number): Promise<RawConnection> {
  const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await once(socket, 'connect');
  return watchRaw(socket);
}

/** Reads from an open connection. */
export function watchRaw(socket: net.Socket) {
  let text = '';
  let ended = false;
  const progress = new EventEmitter().setMaxListeners(0);
  const finish = () => {
    ended = true;
    progress.emit('more');
  };
  socket.on('data', chunk => {
    text += chunk.toString('latin1');
    progress.emit('more');
  });
  socket.on('end', finish).on('close', finish).on('error', finish);

  const waitFor = async <T>(what: string, timeout: number, find: () => T | null | undefined): Promise<T> => {
    const signal = AbortSignal.timeout(timeout);
    for (;;) {
      const found = find();
      if (found !== null && found !== undefined) return found;
      await once(progress, 'more', { signal }).catch(() => {
        throw new Error(
          `${what}: nothing within ${timeout} ms; received ${JSON.stringify(text.slice(0, 2000))}`,
        );
      });
    }
  };

  return {
    socket,
    write: (data: string | Buffer): void => void socket.write(data),
    /** Everything received so far, one character per byte. */
    received: () => text,
    /** Waits until the received text matches; rejects after the time (milliseconds) or if the peer closes first. */
    until: (pattern: RegExp, timeout = patience): Promise<RegExpExecArray> =>
      waitFor(String(pattern), timeout, () => {
        const match = pattern.exec(text);
        if (match === null && ended)
          throw new Error(`closed before ${pattern}; received ${JSON.stringify(text.slice(0, 2000))}`);
        return match;
      }),
    /** Waits for the end of the connection and returns everything received. */
    untilClosed: (timeout = patience): Promise<string> =>
      waitFor('close', timeout, () => (ended ? text : undefined)),
    destroy: (): void => void socket.destroy(),
  };
}

/**
 * Sends one request exactly as written, and returns everything until the connection ends. The caller adds `Connection: close` if needed.
 */
export async function exchangeRaw(port: number, request: string | Buffer): Promise<string> {
  const connection = await connectRaw(port);
  try {
    connection.write(request);
    return await connection.untilClosed();
  } finally {
    connection.destroy();
  }
}
