import type { Duplex } from 'node:stream';

/** Waits until a socket or a stream is closed, be it with an error: `once(socket, 'close')` rejects at the error. */
export function closed(stream: Duplex): Promise<void> {
  return new Promise(resolve => {
    if (stream.closed) resolve();
    else stream.once('close', () => resolve()).on('error', () => {});
  });
}
