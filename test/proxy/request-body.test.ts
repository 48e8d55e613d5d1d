import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { hasBody, RequestBody } from '../../src/proxy/request-body.js';

/** A request of which Node's `headers` shows nothing, as it does of the fields past its limit. */
function request(...rawHeaders: string[]): IncomingMessage {
  return { rawHeaders, headers: {} } as unknown as IncomingMessage;
}

describe('the body of a request', () => {
  it('is announced by the fields as they came, not by what Node has kept of them', () => {
    assert.equal(hasBody(request('CONTENT-LENGTH', '5')), true);
    assert.equal(hasBody(request('transfer-encoding', 'chunked')), true);
    assert.equal(hasBody(request('Content-Length', '0', 'Content-Length', '5')), true);
    assert.equal(hasBody(request('Content-Length', '0')), false);
    assert.equal(hasBody(request('Content-Type', 'text/plain')), false);
  });

  it('brings the field that frames it', () => {
    assert.deepEqual(new RequestBody(request('content-LENGTH', '5'), 1000).framing, ['Content-Length', '5']);
    const chunked = new RequestBody(request('Transfer-Encoding', 'chunked'), 1000);
    assert.deepEqual(chunked.framing, ['Transfer-Encoding', 'chunked']);
  });
});
