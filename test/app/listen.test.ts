import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import fastify from 'fastify';
import { listen, urlForBrowser } from '../../src/app/listen.js';
import { parseOptions } from '../../src/options/parse.js';
import { temporaryFolder } from '../support/temporary-folder.js';

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

it('the path of a Unix socket has at most 107 bytes, which is what the system takes', async t => {
  const folder = temporaryFolder();
  for (const length of [107, 108]) {
    const path = join(folder, 'x'.repeat(length - folder.length - 1));
    const app = fastify();
    t.after(() => app.close());
    const { options } = parseOptions({ argv: [`--unix-socket=${path}`], env: {} });
    const listening = await listen(app, options, async (_mask, run) => void (await run()));
    const problem = `--unix-socket: ${path} is longer than 107 bytes`;
    assert.deepEqual(listening, length === 107 ? { address: path } : { problem });
  }
});
