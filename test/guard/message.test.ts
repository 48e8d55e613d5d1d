import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { rejectUncertainFraming, rejectUncertainHost } from '../../src/guard/message.js';
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

it('an HTTP version other than 1.0 and 1.1 is rejected, together with all that follows on the connection', () => {
  for (const httpVersion of ['0.9', '2.0']) {
    const socket = {};
    const strange = request(false, {}, { httpVersion, socket });
    assert.throws(() => rejectUncertainFraming(strange), Rejection, httpVersion);
    const next = request(false, {}, { socket });
    assert.throws(() => rejectUncertainFraming(next), /before this one/);
  }
  rejectUncertainFraming(request(false, {}, { httpVersion: '1.0' }));
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

  it('without a body is accepted, even with the Content-Length of 0 that kubectl sends, and no other request must be without', () => {
    rejectUncertainFraming(request(true, {}));
    rejectUncertainFraming(request(true, { 'content-length': '0' }));
    rejectUncertainFraming(request(false, { 'content-length': '10' }));
    rejectUncertainFraming(request(false, { 'transfer-encoding': 'chunked' }));
  });
});

/** The code and the message of the rejection, and whether the connection ends with it; undefined if the request passes. */
function verdictOf(judge: () => void): readonly [number, string, boolean] | undefined {
  try {
    judge();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Rejection && error.reason === 'bad_request');
    return [error.code, error.message, error.endsConnection];
  }
}

describe('a message', () => {
  it('has at most 1,000 header fields, and any more end its connection', () => {
    const judge = (count: number) => {
      const rawHeaders = Array.from({ length: count }, (_, index) => [`X-${index}`, '1']).flat();
      const head = new RequestHead({ method: 'GET', rawHeaders });
      const raw = { httpVersion: '1.1', socket: {} } as IncomingMessage;
      return verdictOf(() => rejectUncertainFraming({ head, raw }));
    };
    assert.equal(judge(1000), undefined);
    assert.deepEqual(judge(1001), [431, 'the request has more than 1000 header fields', true]);
  });

  it('has no transfer coding but chunked, and none in HTTP/1.0', () => {
    const judge = (httpVersion: string, coding: string) =>
      verdictOf(() =>
        rejectUncertainFraming(request(false, { 'transfer-encoding': coding }, { httpVersion })),
      );
    assert.equal(judge('1.1', 'CHUNKED'), undefined);
    const inOld = [400, 'an HTTP/1.0 request cannot have a Transfer-Encoding', true];
    assert.deepEqual(judge('1.0', 'chunked'), inOld);
    for (const coding of ['gzip', 'chunked, chunked', ''])
      assert.deepEqual(judge('1.1', coding), [400, 'no Transfer-Encoding but chunked is supported', true]);
  });

  it('has one host, or in HTTP/1.0 none', () => {
    const judge = (httpVersion: string, ...hosts: readonly string[]) => {
      const head = new RequestHead({ method: 'GET', rawHeaders: hosts.flatMap(host => ['Host', host]) });
      return verdictOf(() => rejectUncertainHost(head, httpVersion));
    };
    for (const httpVersion of ['1.0', '1.1', '2.0']) assert.equal(judge(httpVersion, 'a'), undefined);
    assert.equal(judge('1.0'), undefined);
    assert.deepEqual(judge('1.1'), [400, 'the request has no Host header', false]);
    assert.deepEqual(judge('1.0', 'a', 'a'), [400, 'the request has more than one Host header', false]);
    const inNew = [400, 'the request has :authority and Host that differ', false];
    assert.deepEqual(judge('2.0', 'a', 'b'), inNew);
  });
});
