import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { rejectUncertainFraming } from '../../src/guard/framing.js';
import { Rejection } from '../../src/guard/rejection.js';

function request(upgrade: boolean, headers: Record<string, string>): IncomingMessage {
  const rawHeaders = Object.entries(headers).flat();
  return { upgrade, rawHeaders, httpVersion: '1.1', socket: {} } as unknown as IncomingMessage;
}

describe('a version', () => {
  it('other than 1.0 and 1.1 is refused, with what follows on its connection', () => {
    for (const httpVersion of ['0.9', '2.0']) {
      const strange = { ...request(false, {}), httpVersion } as IncomingMessage;
      assert.throws(() => rejectUncertainFraming(strange), Rejection, httpVersion);
      const next = { ...strange, httpVersion: '1.1' } as IncomingMessage;
      assert.throws(() => rejectUncertainFraming(next), /before this one/);
    }
    rejectUncertainFraming({ ...request(false, {}), httpVersion: '1.0' } as IncomingMessage);
  });
});

describe('an upgrade', () => {
  it('with a body is refused, whichever header announces it', () => {
    for (const headers of [
      { 'content-length': '1' },
      { 'content-length': '00' },
      { 'content-length': '' },
      { 'transfer-encoding': 'chunked' },
      { 'transfer-encoding': '' },
    ]) {
      assert.throws(
        () => rejectUncertainFraming(request(true, headers as Record<string, string>)),
        (error: unknown) => error instanceof Rejection && error.code === 400,
        JSON.stringify(headers),
      );
    }
  });

  it('without one passes, an explicit length of 0 included, for kubectl sends that', () => {
    rejectUncertainFraming(request(true, {}));
    rejectUncertainFraming(request(true, { 'content-length': '0' }));
  });

  it('is the only kind of request that may have no body', () => {
    rejectUncertainFraming(request(false, { 'content-length': '10' }));
    rejectUncertainFraming(request(false, { 'transfer-encoding': 'chunked' }));
  });
});
