import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { bringsHeaderToken, digestOf, readBearerToken } from '../../src/authentication/bearer-token.js';
import { AuthenticationError } from '../../src/authentication/identity.js';
import { RequestHead } from '../../src/http/request-head.js';
import { assertLinear } from '../support/growth.js';

const prefix = 'base64url.bearer.authorization.k8s.io.';

function request(rawHeaders: string[], upgrade = false) {
  const raw = { socket: { remoteAddress: '192.0.2.1' } } as IncomingMessage;
  return { raw, head: new RequestHead({ method: 'GET', rawHeaders, upgrade }) };
}

function webSocketHeaders(...protocols: string[]): string[] {
  const headers = protocols.flatMap(protocol => ['Sec-WebSocket-Protocol', protocol]);
  return ['Connection', 'keep-alive, Upgrade', 'Upgrade', 'WebSocket', ...headers];
}

function webSocket(...protocols: string[]) {
  return request(webSocketHeaders(...protocols), true);
}

function encoded(text: string): string {
  return prefix + Buffer.from(text).toString('base64url');
}

describe('a bearer token', () => {
  it('counts for the address that a trusted proxy names, if there is one', () => {
    const behind = { ...request(['Authorization', 'Bearer one']), clientAddress: '198.51.100.7' };
    assert.equal(readBearerToken(behind)?.source, '198.51.100.7');
    const socket = { ...behind, clientAddress: undefined, raw: { socket: {} } as IncomingMessage };
    assert.equal(readBearerToken(socket)?.source, '', 'a Unix socket');
  });

  it('comes in the Authorization header, its scheme in any case, and is absent without it, with another scheme, after more than one space and in any other place', () => {
    for (const value of ['Bearer one', 'bearer one', 'BEARER one', ' \tBearer one \t', 'Bearer one\t ']) {
      assert.deepEqual(readBearerToken(request(['Authorization', value])), {
        text: 'one',
        digest: digestOf('one'),
        source: '192.0.2.1',
      });
      assert.equal(bringsHeaderToken(request(['Authorization', value]).head), true, value);
    }
    assert.notEqual(digestOf('one'), digestOf('One'));
    for (const headers of [
      [],
      ...[
        '',
        'Basic b25lOnR3bw==',
        'one',
        'Bearerone',
        'XBearer one',
        'Bearer',
        'Bearer ',
        'Bearer  one',
      ].map(value => ['Authorization', value]),
      ['Authorization', 'Bearer\tone'],
      ['Proxy-Authorization', 'Bearer one'],
      ['Cookie', 'token=one'],
      ['Sec-WebSocket-Protocol', `v5.channel.k8s.io, ${encoded('one')}`],
    ]) {
      assert.equal(readBearerToken(request(headers)), undefined, headers.join());
      assert.equal(bringsHeaderToken(request(headers).head), false, headers.join());
    }
  });

  it('is bad when it is more than one word, with white space or a control character, in both places, and only if its bytes are UTF-8 for one', () => {
    const bytes = (character: string) => Buffer.from(character).toString('latin1');
    const fromHeader = (text: string) => readBearerToken(request(['Authorization', `Bearer ${text}`]))?.text;
    for (let code = 0; code <= 0x10ffff; code += code < 0x3100 ? 1 : 0x1003) {
      const character = String.fromCodePoint(code);
      // Go's `unicode.IsSpace` and `unicode.IsControl`.
      const isRefused =
        code <= 0x20 ||
        (code >= 0x7f && code <= 0xa0) ||
        [0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000].includes(code) ||
        (code >= 0x2000 && code <= 0x200a);
      if (code >= 0xd800 && code <= 0xdfff) continue;
      const token = `o${character}ne`;
      const read = [
        () => fromHeader(bytes(token)),
        () => readBearerToken(webSocket('x', encoded(token)))?.text,
      ];
      for (const [place, find] of read.entries()) {
        if (isRefused) assert.throws(find, AuthenticationError, `${code.toString(16)} in place ${place}`);
        else assert.equal(find(), bytes(token), code.toString(16));
      }
    }
    for (const character of ['\xa0', '\x85', '\x80', '\xe2\x80', '\xc2\xc2', '\xff']) {
      for (const token of [`${character}one`, `o${character}ne`, `one${character}`])
        assert.equal(fromHeader(token), token);
    }
    for (const words of ['one two', 'one, two', 'one, Bearer one', 'one \ttwo', 'one\ttwo'])
      assert.throws(() => fromHeader(words), AuthenticationError, words);
    for (const token of [`one${bytes('\u00a0')}`, `${bytes('\u3000')}one`])
      assert.throws(() => fromHeader(token));
  });

  it('is read in linear time, even from a hostile header', () => {
    assertLinear(120_000, length => {
      const [two, none] = [`Bearer a${' '.repeat(length)}b`, `${' '.repeat(length)}x`];
      const broken = `Bearer ${'\xe2\x80'.repeat(length)}\xc2\xa0`;
      return () => {
        assert.throws(() => readBearerToken(request(['Authorization', broken])));
        assert.throws(() => readBearerToken(request(['Authorization', two])));
        assert.equal(readBearerToken(request(['Authorization', none])), undefined);
      };
    });
    assertLinear(120_000, length => {
      const commas = `${', '.repeat(length / 2)}x`;
      const headers = ['Connection', `${commas}, upgrade`, 'Upgrade', 'websocket'];
      const upgrade = request([...headers, 'Sec-WebSocket-Protocol', commas], true);
      return () => assert.equal(readBearerToken(upgrade), undefined);
    });
  });

  it('can be a subprotocol of a WebSocket, next to another one', () => {
    for (const protocols of [
      [`v5.channel.k8s.io, ${encoded('one')}`],
      [`${encoded('one')},v5.channel.k8s.io`],
      ['v5.channel.k8s.io', encoded('one')],
    ]) {
      assert.equal(readBearerToken(webSocket(...protocols))?.text, 'one', protocols.join());
    }
    for (const protocols of [['v5.channel.k8s.io'], [' , '], []])
      assert.equal(readBearerToken(webSocket(...protocols)), undefined);
    assert.equal(readBearerToken(webSocket('x', encoded('\u00e9')))?.text, '\xc3\xa9');
    const spdy = ['Connection', 'Upgrade', 'Upgrade', 'SPDY/3.1'];
    const headers = [...spdy, 'Sec-WebSocket-Protocol', `x, ${encoded('one')}`];
    assert.equal(readBearerToken(request(headers, true)), undefined);
  });

  it('is bad as a subprotocol if it is the only one, comes twice, comes with Authorization, or is not base64url of UTF-8', () => {
    for (const protocols of [
      [encoded('one')],
      [`${encoded('one')}, `],
      ['x', encoded('one'), 'y', encoded('two')],
      ...[`${encoded('one')}, ${encoded('one')}`, prefix, `${encoded('one')}=`, `${prefix}b25l*`].map(
        protocol => ['x', protocol],
      ),
      ...[`${prefix}b25lb`, `${prefix}_w`, encoded('one').toUpperCase()].map(protocol => ['x', protocol]),
    ]) {
      assert.throws(() => readBearerToken(webSocket(...protocols)), AuthenticationError, protocols.join());
    }
    const both = [...webSocketHeaders('x', encoded('one')), 'Authorization', 'Bearer one'];
    assert.throws(() => readBearerToken(request(both, true)), AuthenticationError);
  });
});
