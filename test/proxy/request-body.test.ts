import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
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
});
