import type { Readable } from 'node:stream';

/** Reads a stream, such as the output of a process. Returns a function that says what has come so far. */
export function collectText(stream: Readable | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  return () => text;
}
