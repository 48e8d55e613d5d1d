import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { RequestBody } from '../../src/proxy/request-body.js';

/** A request of which Node's `headers` shows nothing, as it does of the fields past its limit. */
function request(...rawHeaders: string[]): IncomingMessage {
  return { rawHeaders, headers: {} } as unknown as IncomingMessage;
}

describe('the body of a request', () => {
  it('brings the field that frames it', () => {
    assert.deepEqual(new RequestBody(request('content-LENGTH', '5'), 1000).framing, ['Content-Length', '5']);
    const chunked = new RequestBody(request('Transfer-Encoding', 'chunked'), 1000);
    assert.deepEqual(chunked.framing, ['Transfer-Encoding', 'chunked']);
  });
});
