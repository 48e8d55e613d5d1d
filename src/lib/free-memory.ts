import { MessageChannel, type MessagePort } from 'node:worker_threads';

/** Node 22 and later have this method. */
interface Transferable {
  transfer?(newLength: number): unknown;
}

/** A closed channel: a buffer that is sent to it is detached from its sender, and freed. It is made when it is first needed. */
let nowhere: MessagePort | undefined;

/**
 * Frees the memory of bytes that are no longer needed, at once. The buffer has length 0 afterwards. A part of a larger buffer is left
 * alone. Without this, Node reads each chunk of a socket into new memory, and frees it only after 32 MB have accumulated: by then it is no
 * longer in the processor's caches. With Node 20.20, an upload of 600 MB through an upgrade takes 1.0 s of CPU time in this way, but 0.65 s
 * if each chunk is freed when it is written.
 */
export function freeMemory({ buffer, byteLength }: Buffer): void {
  if (byteLength === 0 || byteLength !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return;
  const transferable = buffer as ArrayBuffer & Transferable;
  if (transferable.transfer !== undefined) transferable.transfer(0);
  else {
    nowhere ??= createClosedPort();
    nowhere.postMessage(undefined, [buffer]);
  }
}

function createClosedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.unref();
  return port1;
}
