import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isTokenPage, mayBeTokenPage } from '../../src/guard/cross-site.js';
import { apiMount, headOf } from './judged-request.js';

type Headers = Readonly<Record<string, string>>;

const token = { authorization: 'Bearer t' };
const isPage = (headers: Headers, isByToken = true) =>
  isTokenPage({ head: headOf('POST /api', headers), isByToken });

describe('a token page', () => {
  it('is a request whose caller was decided by a bearer token of Authorization, and by nothing else', () => {
    for (const site of ['cross-site', 'same-site', 'none', 'x', '']) {
      assert.equal(isPage({ ...token, 'sec-fetch-site': site, origin: 'https://evil.example' }), true, site);
    }
    assert.equal(isPage({ authorization: ' bEARER  t' }), false, 'two spaces');
    assert.equal(isPage({ authorization: ' bEARER t' }), true);
    assert.equal(isPage(token, false), false);
    for (const authorization of ['', 'Bearer', 'Bearer ', 'Basic dDp0', 'Basic x, Bearer t', 'Bearert'])
      assert.equal(isPage({ authorization }), false, authorization);
    assert.equal(
      isPage({
        ...{ upgrade: 'websocket', connection: 'Upgrade' },
        'sec-websocket-protocol': 'base64url.bearer.authorization.k8s.io.dA, v5.channel.k8s.io',
      }),
      false,
    );
  });

  it('has no cookie if a browser says that it is of another site', () => {
    const withCookie = (headers: Headers) => isPage({ ...token, cookie: 'a=b', ...headers });
    assert.equal(withCookie({}), true);
    for (const site of ['same-origin', 'same-site', 'none'])
      assert.equal(withCookie({ 'sec-fetch-site': site }), true, site);
    for (const site of [
      'cross-site',
      'Cross-Site',
      '',
      'x',
      'same-origin, cross-site',
      'same-site, same-site',
    ])
      assert.equal(withCookie({ 'sec-fetch-site': site }), false, site);
    assert.equal(withCookie({ 'sec-fetch-site': 'none', 'sec-purpose': 'prefetch' }), false);
    assert.equal(withCookie({ cookie: '', 'sec-fetch-site': 'cross-site' }), false);
  });

  it('is only waited for where callers are authenticated and the field has a bearer token', () => {
    const may = (headers: Headers, mount: object = {}) =>
      mayBeTokenPage({ head: headOf('GET /', headers), mount: { ...apiMount, ...mount } });
    assert.equal(may(token), true);
    assert.equal(may(token, { access: 'optional' }), true);
    for (const access of ['public', 'probe']) assert.equal(may(token, { access }), false);
    assert.equal(may({ authorization: 'Basic dDp0' }), false);
    assert.equal(may({}), false);
  });
});
