import assert from 'node:assert/strict';
import net from 'node:net';
import { closed } from '../support/closed.js';
import { fieldsOf, type ServedConnection } from '../support/upstreams/http2-frame-server.js';
import { flags, frame, frameTypes, headerBlock } from '../support/upstreams/http2-frames.js';

const event = Buffer.from('{"type":"BOOKMARK","object":{}}\n');
const ok = [[':status', '200']] as const;

/** Answers every request on a connection with an event, and ends it there if "ends" is in its path. */
export function answerAll(connection: ServedConnection): void {
  let looked = 0;
  connection.socket.on('progress', () => {
    for (; looked < connection.frames.length; looked++) {
      const request = connection.frames[looked];
      if (request?.type !== frameTypes.headers) continue;
      const id = request.stream;
      const ends = fieldsOf(request).some(field => field.includes('ends'));
      connection.send(
        frame(frameTypes.headers, flags.endHeaders, id, headerBlock(ok)),
        frame(frameTypes.data, ends ? flags.endStream : 0, id, event),
      );
    }
  });
}

/** Opens watches, thirty at a time. The server ends every second one, and the client aborts the others after their first event. */
export async function watchAndLeave(port: number, count: number): Promise<void> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await watchOnce(port, left % 2 === 0 ? 'ends' : 'leaves');
  };
  await Promise.all(Array.from({ length: 30 }, worker));
}

async function watchOnce(port: number, how: 'ends' | 'leaves'): Promise<void> {
  const socket = net.connect({ host: '127.0.0.1', port });
  let received = '';
  socket.on('data', bytes => {
    received += bytes.toString('latin1');
    if (received.includes(how === 'ends' ? '\r\n0\r\n\r\n' : 'BOOKMARK')) socket.destroy();
  });
  socket.write(`GET /api/v1/pods?watch=true&${how} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await closed(socket);
  assert.match(received, /BOOKMARK/);
}
