import assert from 'node:assert/strict';
import { it } from 'node:test';
import { urlForBrowser } from '../../src/app/listen.js';
import { parseOptions } from '../../src/options/parse.js';

it('the address for a browser is one that a browser on this machine can open', () => {
  for (const [address, args, url] of [
    ['127.0.0.1:8001', [], 'http://127.0.0.1:8001'],
    ['[::1]:8001', ['--address=::1'], 'http://[::1]:8001'],
    ['0.0.0.0:80', ['--address=0.0.0.0'], 'http://localhost:80'],
    ['[::]:80', ['--address=::'], 'http://localhost:80'],
    ['127.0.0.1:8001', ['--public-url=https://gw.example/kube'], 'https://gw.example/kube'],
    ['/run/x.sock', ['--unix-socket=/run/x.sock'], undefined],
    ['/run/x.sock', ['--unix-socket=/run/x.sock', '--public-url=http://gw.example'], 'http://gw.example'],
  ] as const) {
    assert.equal(urlForBrowser(address, parseOptions({ argv: [...args], env: {} }).options), url);
  }
});
