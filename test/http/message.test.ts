import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asksForUpgrade, hasBody } from '../../src/http/message.js';

describe('the head of a request', () => {
  it('announces a body by the fields as they were sent, not as Node keeps them', () => {
    const announces = (...rawHeaders: string[]) => hasBody({ rawHeaders });
    assert.equal(announces('CONTENT-LENGTH', '5'), true);
    assert.equal(announces('transfer-encoding', 'chunked'), true);
    assert.equal(announces('Content-Length', '0', 'Content-Length', '5'), true);
    assert.equal(announces('Content-Length', '0'), false);
    assert.equal(announces('Content-Type', 'text/plain'), false);
  });

  it('asks for an upgrade if the parser has seen one, and not for HTTP/2', () => {
    const asks = (upgrade: boolean, protocol: string) =>
      asksForUpgrade({ upgrade, rawHeaders: ['UPGRADE', protocol] });
    assert.equal(asks(true, 'websocket'), true);
    assert.equal(asks(true, 'SPDY/3.1'), true);
    assert.equal(asks(false, 'websocket'), false);
    for (const http2 of ['h2c', 'H2', 'websocket, h2c']) assert.equal(asks(true, http2), false, http2);
  });
});
