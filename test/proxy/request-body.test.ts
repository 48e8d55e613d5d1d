import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { RequestHead } from '../../src/http/request-head.js';
import { RequestBody } from '../../src/proxy/request-body.js';

/** A request whose fields are missing in Node's `headers`, like all fields beyond Node's limit. */
function request(...rawHeaders: string[]) {
  const raw = { method: 'GET', rawHeaders, headers: {} } as unknown as IncomingMessage;
  return { raw, head: new RequestHead(raw) };
}

describe('the body of a request', () => {
  it('includes the field that frames it', () => {
    assert.deepEqual(new RequestBody(request('content-LENGTH', '5'), 1000).framing, ['Content-Length', '5']);
    const chunked = new RequestBody(request('Transfer-Encoding', 'chunked'), 1000);
    assert.deepEqual(chunked.framing, ['Transfer-Encoding', 'chunked']);
  });

  it('ends the connection of an API server that does not read it', t => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const raw = new IncomingMessage(new Socket());
    const head = new RequestHead({ method: 'POST', rawHeaders: ['Content-Length', '9'] });
    const errors: (Error | undefined)[] = [];
    const socket = Object.assign(new Socket(), {
      write: () => false,
      destroy: (error?: Error) => errors.push(error),
    });
    new RequestBody({ raw, head }, 1000).start(socket as unknown as Socket, () => {});
    t.mock.timers.tick(1000);
    assert.equal(errors.length, 0, 'it waits for the client');
    raw.emit('data', Buffer.from('part'));
    socket.emit('drain');
    t.mock.timers.tick(1000);
    assert.equal(errors.length, 0, 'it has read all');
    raw.emit('data', Buffer.from('part'));
    t.mock.timers.tick(1000);
    assert.equal((errors[0] as NodeJS.ErrnoException).code, 'ETIMEDOUT');
  });
});
