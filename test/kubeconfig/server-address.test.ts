import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseServerAddress, urlOf } from '../../src/kubeconfig/server-address.js';
import { urlsWithUser } from '../support/urls-with-user.js';

describe('the address of an API server', () => {
  for (const [server, address] of [
    ['https://example.com:6443', ['https:', 'example.com', 6443, '']],
    ['https://example.com', ['https:', 'example.com', 443, '']],
    ['http://example.com', ['http:', 'example.com', 80, '']],
    ['HTTPS://Example.com', ['https:', 'example.com', 443, '']],
    ['https://[::1]:6443', ['https:', '::1', 6443, '']],
    ['https://rancher/k8s/clusters/c-1/', ['https:', 'rancher', 443, '/k8s/clusters/c-1']],
    ['https://a/b%2Fc', ['https:', 'a', 443, '/b%2Fc']],
    ['https://a/b?x=y#z', ['https:', 'a', 443, '/b']],
    ['localhost:8080', ['http:', 'localhost', 8080, '']],
    ['localhost', ['http:', 'localhost', 80, '']],
    ['[::1]:8080', ['http:', '::1', 8080, '']],
  ] as const) {
    it(`${server} is valid`, () => {
      const [protocol, hostname, port, path] = address;
      assert.deepEqual(parseServerAddress(server, '--server'), {
        address: { protocol, hostname, port, path },
      });
    });
  }

  it('is written as a URL without the port of its protocol', () => {
    for (const [server, url] of [
      ['https://a:443/b/', 'https://a/b'],
      ['https://a:80', 'https://a:80'],
      ['[::1]:80', 'http://[::1]'],
      ['[::1]:443', 'http://[::1]:443'],
    ] as const) {
      const parsed = parseServerAddress(server, '--server');
      assert.equal('address' in parsed && urlOf(parsed.address), url);
    }
  });

  for (const server of [
    ...['https://', 'https:///path', 'https://a b', ' https://a', 'https://a\n'],
    ...['https://127.0.0.1:6443\\x', 'https://127.0.0.1:99999', 'https://127.0.0.1:port'],
    ...['https://127.0.0.1:0', 'https://[::1', 'localhost:8080/path', 'ftp://127.0.0.1'],
    ...['unix:///var/run/x', 'https:/a', '::1'],
  ]) {
    it(`${JSON.stringify(server)} is rejected`, () => {
      const result = parseServerAddress(server, '--server');
      assert.ok('problem' in result, JSON.stringify(result));
      const isUrl = /^ftp:|:0$/.test(server);
      const start = isUrl ? `--server: ${JSON.stringify(server)} ` : '--server is not a URL or host:port';
      assert.ok(result.problem.startsWith(start), result.problem);
      assert.doesNotMatch(result.problem, /\n/);
    });
  }

  for (const server of urlsWithUser('admin', 'hunter2')) {
    it(`${JSON.stringify(server)} is rejected, because it has a user, and is not quoted`, () => {
      const result = parseServerAddress(server, 'here');
      assert.ok('problem' in result, JSON.stringify(result));
      assert.equal(
        result.problem,
        'here has an @ in it; use --username and --password, and write an @ of the path as %40',
      );
    });
  }
});
