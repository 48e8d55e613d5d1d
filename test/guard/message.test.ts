import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { rejectUncertainFraming } from '../../src/guard/message.js';
import { Rejection } from '../../src/guard/rejection.js';
import { RequestHead } from '../../src/http/request-head.js';

function request(
  upgrade: boolean,
  headers: Record<string, string>,
  { httpVersion = '1.1', socket = {} }: { httpVersion?: string; socket?: object } = {},
) {
  const head = new RequestHead({ method: 'GET', upgrade, rawHeaders: Object.entries(headers).flat() });
  return { head, raw: { httpVersion, socket } as IncomingMessage };
}

describe('an HTTP version', () => {
  it('other than 1.0 and 1.1 is rejected, together with all that follows on the connection', () => {
    for (const httpVersion of ['0.9', '2.0']) {
      const socket = {};
      const strange = request(false, {}, { httpVersion, socket });
      assert.throws(() => rejectUncertainFraming(strange), Rejection, httpVersion);
      const next = request(false, {}, { socket });
      assert.throws(() => rejectUncertainFraming(next), /before this one/);
    }
    rejectUncertainFraming(request(false, {}, { httpVersion: '1.0' }));
  });
});

describe('an upgrade', () => {
  it('with a body is rejected, whichever header announces it', () => {
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

  it('without a body is accepted, even with the Content-Length of 0 that kubectl sends', () => {
    rejectUncertainFraming(request(true, {}));
    rejectUncertainFraming(request(true, { 'content-length': '0' }));
  });

  it('is the only kind of request that must not have a body', () => {
    rejectUncertainFraming(request(false, { 'content-length': '10' }));
    rejectUncertainFraming(request(false, { 'transfer-encoding': 'chunked' }));
  });
});
