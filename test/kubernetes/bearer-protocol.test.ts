import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  hasBearerProtocolPrefix,
  parseBearerProtocol,
  withoutBearerProtocol,
} from '../../src/kubernetes/bearer-protocol.js';

const prefix = 'base64url.bearer.authorization.k8s.io.';
const encoded = (text: string) => Buffer.from(text).toString('base64url');

it('a WebSocket subprotocol with a bearer token is known by its prefix, in any case, has a token of UTF-8 in unpadded base64url, and is left out of a list', () => {
  for (const name of [prefix, `${prefix}YQ`, prefix.toUpperCase()])
    assert.equal(hasBearerProtocolPrefix(name), true, name);
  for (const name of ['', prefix.slice(0, -1), `x${prefix}`, 'v5.channel.k8s.io'])
    assert.equal(hasBearerProtocolPrefix(name), false, name);
  assert.equal(parseBearerProtocol(prefix + encoded('a token?')), 'a token?');
  assert.equal(parseBearerProtocol(prefix + encoded('é')), '\xc3\xa9');
  const bad = ['', 'YQ==', 'Y', 'YR', '+w', '_w', 'a b'].map(text => prefix + text);
  for (const name of [...bad, `${prefix.toUpperCase()}YQ`, `x${prefix}YQ`, 'YQ'])
    assert.equal(parseBearerProtocol(name), undefined, name);
  for (const [value, kept] of [
    ['v5.channel.k8s.io,  v4', 'v5.channel.k8s.io,  v4'],
    [` ${prefix}YQ, b ,c `, 'b ,c'],
    [`b, ${prefix.toUpperCase()}YQ`, 'b'],
    [`b, \u00a0${prefix}YQ, c`, 'b, c'],
    [`${prefix}YQ`, undefined],
    [`${prefix}YQ, x${prefix}YQ`, undefined],
  ] as const)
    assert.equal(withoutBearerProtocol(value), kept, value);
});
