import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseProxyUrl } from '../../../src/transport/dial/proxy-url.js';

describe("a proxy's URL", () => {
  for (const [url, protocol, hostname, port] of [
    ['http://proxy', 'http:', 'proxy', 80],
    ['http://proxy:80', 'http:', 'proxy', 80],
    ['http://proxy:3128', 'http:', 'proxy', 3128],
    ['HTTP://Proxy.Example.COM:3128/', 'http:', 'proxy.example.com', 3128],
    ['http://proxy:3128/path?query#fragment', 'http:', 'proxy', 3128],
    ['https://proxy', 'https:', 'proxy', 443],
    ['https://proxy:80', 'https:', 'proxy', 80],
    ['https://10.1.2.3:8443', 'https:', '10.1.2.3', 8443],
    ['http://[fd00::1]:3128', 'http:', 'fd00::1', 3128],
    ['socks5://proxy', 'socks5:', 'proxy', 1080],
    ['socks5://PROXY:80', 'socks5:', 'proxy', 80],
    ['socks5h://proxy', 'socks5:', 'proxy', 1080],
    ['socks5://[::1]', 'socks5:', '::1', 1080],
    ['http://münchen.example', 'http:', 'xn--mnchen-3ya.example', 80],
  ] as const) {
    it(`${url} is valid`, () => {
      assert.deepEqual(parseProxyUrl(url, 'proxy-url'), { proxy: { protocol, hostname, port } });
    });
  }

  for (const [userinfo, username, password] of [
    ['user:secret', 'user', 'secret'],
    ['user', 'user', ''],
    ['user:', 'user', ''],
    [':secret', '', 'secret'],
    ['us%40er:s%3Ae%2Fc%25ret', 'us@er', 's:e/c%ret'],
    ['us@er:sec@ret', 'us@er', 'sec@ret'],
    ['j%C3%BCrgen:pä|ss', 'jürgen', 'pä|ss'],
  ] as const) {
    for (const scheme of ['http', 'socks5']) {
      it(`${scheme}://${userinfo}@proxy has its credentials decoded`, () => {
        const parsed = parseProxyUrl(`${scheme}://${userinfo}@proxy:3128`, 'proxy-url');
        assert.deepEqual('proxy' in parsed && parsed.proxy?.credentials, { username, password });
      });
    }
  }

  for (const url of [
    ...['', 'proxy:3128', 'user:secret@proxy:3128', '//user:secret@proxy'],
    ...['http:/user:secret@proxy', 'http:user:secret@proxy', 'http://'],
    ...['http:///user:secret@proxy', 'http://:3128', 'http://user:secret@', 'http://user:secret'],
    ...['http://user:secret@proxy:port', 'http://user:secret@proxy:99999'],
    ...['http://user:secret@proxy:0', 'http://user:secret@pro xy', ' http://user:secret@proxy'],
    ...['http://user:secret@proxy\n', 'http://user:sec\\ret@proxy', 'http://user:sec/secret@proxy'],
    ...['http://user:12/secret@proxy', 'http://user:sec?secret@proxy'],
    ...['http://user:12#secret@proxy', 'http://user:secret%zz@proxy'],
    ...['http://user:secret%ff@proxy', 'ftp://user:secret@proxy'],
    ...['socks4://user:secret@proxy', 'constructor://user:secret@proxy'],
    `socks5://user:${'secret'.repeat(50)}@proxy`,
  ]) {
    it(`${JSON.stringify(url.slice(0, 40))} is a problem in one line that begins with the name and hides the password`, () => {
      const parsed = parseProxyUrl(url, 'proxy-url of cluster "prod"');
      const problem = 'problem' in parsed ? parsed.problem : '';
      assert.match(problem, /^proxy-url of cluster "prod" .+$/);
      assert.doesNotMatch(problem, /secret/);
    });
  }

  it('with another scheme is a problem that names the possible schemes', () => {
    assert.deepEqual(parseProxyUrl('ftp://proxy', 'HTTPS_PROXY'), {
      problem: 'HTTPS_PROXY has the scheme ftp://; use http://, https://, socks5:// or socks5h://',
    });
  });
});
