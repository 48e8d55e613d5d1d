import assert from 'node:assert/strict';
import { it } from 'node:test';
import { explorerUrl } from '../../src/app/listen.js';
import { parseOptions } from '../../src/options/parse.js';

it('the address of the page is one that a browser on this machine can open', () => {
  for (const [address, args, url] of [
    ['127.0.0.1:8001', [], 'http://127.0.0.1:8001/-/ui/'],
    ['[::1]:8001', ['--address=::1'], 'http://[::1]:8001/-/ui/'],
    ['0.0.0.0:80', ['--address=0.0.0.0'], 'http://localhost:80/-/ui/'],
    ['[::]:80', ['--address=::'], 'http://localhost:80/-/ui/'],
    ['127.0.0.1:8443', ['--tls-cert-file=x', '--tls-private-key-file=y'], 'https://127.0.0.1:8443/-/ui/'],
    ['127.0.0.1:8001', ['--public-url=https://gw.example/kube'], 'https://gw.example/kube/-/ui/'],
    ['/run/x.sock', ['--unix-socket=/run/x.sock'], undefined],
    [
      '/run/x.sock',
      ['--unix-socket=/run/x.sock', '--public-url=http://gw.example'],
      'http://gw.example/-/ui/',
    ],
    ['127.0.0.1:8001', ['--explorer=false'], undefined],
  ] as const) {
    assert.equal(explorerUrl(address, parseOptions({ argv: [...args], env: {} }).options), url);
  }
});
