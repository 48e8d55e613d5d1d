import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rejectAmbiguousTarget } from '../../src/guard/message.js';
import { Rejection } from '../../src/guard/rejection.js';
import { parseRequestTarget } from '../../src/request/request-path.js';
import { assertLinear } from '../support/growth.js';

function ambiguous(raw: string): void {
  const target = parseRequestTarget(raw);
  assert.equal(target.path, '', JSON.stringify(raw));
  assert.throws(
    () => rejectAmbiguousTarget(target),
    (error: unknown) => error instanceof Rejection && error.code === 400 && error.reason === 'bad_request',
    JSON.stringify(raw),
  );
}

function reads(raw: string, path: string): void {
  const target = parseRequestTarget(raw);
  assert.equal(target.ambiguity, undefined, raw);
  assert.equal(target.path, path, raw);
  assert.equal(target.raw, raw);
  if (!raw.includes('?')) assert.equal(target.query, '', raw);
  rejectAmbiguousTarget(target);
}

describe('a request target', () => {
  it('is split at its first question mark', () => {
    const target = parseRequestTarget('/api/v1/pods?limit=1?2&watch=%2e%2e#x');
    assert.equal(target.rawPath, '/api/v1/pods');
    assert.equal(target.query, 'limit=1?2&watch=%2e%2e#x');
    assert.equal(target.ambiguity, undefined);
  });

  it('is decoded once, with hexadecimal digits in any case', () => {
    reads('/%65xec', '/exec');
    reads('/a%2fb%2Fc', '/a/b/c');
    reads('/a%5cb%5Cc', '/a\\b\\c');
    reads('/%2565xec', '/%65xec');
    reads('/%25%36%35xec', '/%65xec');
    reads('/a%3fb%23c%3bd', '/a?b#c;d');
    reads('/caf%C3%A9', '/café');
  });

  it('keeps characters that mean nothing in a path: slashes, semicolons, plus signs, dots within a name', () => {
    for (const path of [
      ...['/', '//', '//api//v1/', '/a;b=c/d', '/a+b', '/...', '/.a/..b/c..', '/a.', '/a:b@c'],
    ]) {
      reads(path, path);
    }
  });

  it('has its bytes read as UTF-8, as they came, and U+FFFD for others, never the character of an overlong form', () => {
    reads('/%ff', '/\ufffd');
    reads('/\xff', '/\ufffd');
    for (const overlong of ['%c0%ae', '%c0%af', '%c1%a5', '%e0%80%ae', '%f0%80%80%af']) {
      assert.match(parseRequestTarget(`/${overlong}x`).path, /^\/\ufffd+x$/, overlong);
    }
    reads(Buffer.from('/café').toString('latin1'), '/café');
  });

  it('has more than one meaning with a dot segment in any spelling, a backslash, a fragment, an invalid escape or a control character', () => {
    for (const dots of ['.', '..', '%2e', '%2E', '%2e%2e', '%2E.', '.%2e', '%2e%2E']) {
      for (const raw of [`/${dots}`, `/${dots}/`, `/a/${dots}`, `/a/${dots}/b`, `/a%2f${dots}%2fb`])
        ambiguous(raw);
      for (const raw of [`/a%5c${dots}`, `/a/${dots}%5cb`, `/a%5C${dots}%2Fb`, `/${dots}?x`]) ambiguous(raw);
    }
    for (const raw of [
      ...['/a\\b', '\\a', '/a#b', '/#', '/a#?b', '/%', '/a%', '/a%6', '/a%zz', '/%%65', '/%u0065'],
    ]) {
      ambiguous(raw);
    }
    for (let code = 0; code < 0x20; code++) ambiguous(`/a%${code.toString(16).padStart(2, '0')}b`);
    ambiguous('/a%7fb');
    ambiguous('/a\x00b');
    ambiguous('/a\tb');
  });

  it('has more than one meaning with more than 10,000 parameters, empty ones included', () => {
    for (const query of [
      `${'a&'.repeat(10_000)}watch=1`,
      `${'&'.repeat(10_000)}watch=1`,
      `watch=1${'&'.repeat(10_000)}`,
      `?${'&'.repeat(100_000)}`,
    ]) {
      ambiguous(`/api/v1/pods?${query}`);
    }
    ambiguous(`/caf%C3%A9?${'&'.repeat(10_000)}`);
    for (const query of [`${'a&'.repeat(9999)}watch=1`, '%26'.repeat(20_000), 'a;'.repeat(20_000)]) {
      reads(`/api/v1/pods?${query}`, '/api/v1/pods');
    }
    reads(`/${'&'.repeat(20_000)}`, `/${'&'.repeat(20_000)}`);
  });

  it('is not a path in absolute-form, authority-form or asterisk-form', () => {
    for (const raw of [
      ...['http://127.0.0.1/api', 'HTTPS://127.0.0.1/api', '127.0.0.1:443', '*', '', '?a', 'api', '%2fapi'],
    ]) {
      ambiguous(raw);
    }
  });

  it('is read in linear time', () => {
    for (const piece of ['%', '%2f', '/.', '.', './', '%2e', '\\', '#', '//', '%5c.', '\xff', '&']) {
      for (const start of ['/', '/?']) {
        const prepare = (count: number) => {
          const target = `${start}${piece.repeat(count)}x`;
          return () => parseRequestTarget(target);
        };
        assertLinear(200_000, prepare, `${start} and ${piece}`);
      }
    }
  });
});
