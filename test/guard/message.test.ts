import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { rejectTooLong, rejectUncertainFraming, rejectUncertainHost } from '../../src/guard/message.js';
import { Rejection } from '../../src/guard/rejection.js';
import { RequestHead } from '../../src/http/request-head.js';

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

interface Message {
  readonly httpVersion?: string;
  readonly upgrade?: boolean;
  readonly socket?: object;
}

/** What the framing of a request with these fields gets. */
function framing(
  rawHeaders: readonly string[],
  { httpVersion = '1.1', upgrade = false, socket = {} }: Message = {},
) {
  const head = new RequestHead({ method: 'GET', upgrade, rawHeaders: [...rawHeaders] });
  return verdictOf(() => rejectUncertainFraming({ head, raw: { httpVersion, socket } as IncomingMessage }));
}

describe('a message', () => {
  it('of another HTTP version than 1.0 and 1.1 is rejected, together with all that follows on the connection', () => {
    for (const httpVersion of ['0.9', '2.0']) {
      const socket = {};
      assert.match(framing([], { httpVersion, socket })?.[1] ?? '', /not supported/);
      assert.match(framing([], { socket })?.[1] ?? '', /before this one/);
    }
    assert.equal(framing([], { httpVersion: '1.0' }), undefined);
  });

  it('is no upgrade with a body, whichever header announces it, but may have the Content-Length of 0 that kubectl sends', () => {
    for (const [name, value] of [
      ['content-length', '1'],
      ['content-length', '00'],
      ['content-length', ''],
      ['transfer-encoding', 'chunked'],
      ['transfer-encoding', ''],
    ] as const) {
      assert.equal(framing([name, value], { upgrade: true })?.[0], 400, `${name} ${value}`);
    }
    for (const fields of [[], ['content-length', '0']])
      assert.equal(framing(fields, { upgrade: true }), undefined);
    assert.equal(framing(['content-length', '10']), undefined);
  });

  it('has at most 1,000 header fields, and any more end its connection', () => {
    const fields = (count: number) => Array.from({ length: count }, (_, index) => [`X-${index}`, '1']).flat();
    assert.equal(framing(fields(1000)), undefined);
    assert.deepEqual(framing(fields(1001)), [431, 'the request has more than 1000 header fields', true]);
  });

  it('has no transfer coding but chunked, and none in HTTP/1.0', () => {
    const of = (httpVersion: string, coding: string) =>
      framing(['transfer-encoding', coding], { httpVersion });
    assert.equal(of('1.1', 'CHUNKED'), undefined);
    const inOld = [400, 'an HTTP/1.0 request cannot have a Transfer-Encoding', true];
    assert.deepEqual(of('1.0', 'chunked'), inOld);
    for (const coding of ['gzip', 'chunked, chunked', ''])
      assert.deepEqual(of('1.1', coding), [400, 'no Transfer-Encoding but chunked is supported', true]);
  });

  it('has no field of which the rules would read only some lines', () => {
    const verdict = (name: string, count: number) =>
      verdictOf(() =>
        rejectTooLong(
          new RequestHead({
            method: 'GET',
            rawHeaders: Array.from({ length: count }, () => [name, 'x'.repeat(500)]).flat(),
          }),
        ),
      );
    assert.equal(verdict('Authorization', 2), undefined);
    const tooLong = [431, 'the lines of authorization are too long together', false];
    assert.deepEqual(verdict('Authorization', 3), tooLong);
    assert.equal(verdict('X', 500), undefined);
  });

  it('has one host, or in HTTP/1.0 none', () => {
    for (const [httpVersion, hosts, ...expected] of [
      ...['1.0', '1.1', '2.0'].map(version => [version, ['a']] as const),
      ['1.0', []],
      ['1.1', [], 400, 'the request has no Host header', false],
      ['1.0', ['a', 'a'], 400, 'the request has more than one Host header', false],
      ['2.0', ['a', 'b'], 400, 'the request has :authority and Host that differ', false],
    ] as const) {
      const head = new RequestHead({ method: 'GET', rawHeaders: hosts.flatMap(host => ['Host', host]) });
      const verdict = verdictOf(() => rejectUncertainHost(head, httpVersion));
      assert.deepEqual(verdict ?? [], expected, `${httpVersion} ${hosts}`);
    }
  });
});
