import { MessageChannel } from 'node:worker_threads';

/** Node 22 and later have it. */
interface Transferable {
  transfer?(newLength: number): unknown;
}

// Nothing arrives there. What is sent to it is taken from its sender, and freed.
const { port1: nowhere, port2 } = new MessageChannel();
port2.close();
nowhere.unref();

/**
 * Gives the memory of bytes that nobody needs any more back at once; they have no length afterwards. A part of a larger buffer is left alone.
 * Node reads each chunk of a socket into new memory, and frees it after 32 MB have come together: by then the processor's caches hold none of
 * it. With Node 20.20 an upload of 600 MB through an upgrade takes 1.0 s of CPU time like that, and 0.65 s if each chunk is freed when it
 * is written.
 */
export function freeMemory({ buffer, byteLength }: Buffer): void {
  if (byteLength === 0 || byteLength !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return;
  const transferable = buffer as ArrayBuffer & Transferable;
  if (transferable.transfer === undefined) nowhere.postMessage(undefined, [buffer]);
  else transferable.transfer(0);
}
