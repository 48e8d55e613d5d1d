import assert from 'node:assert/strict';
import net, { type AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { listen } from '../../support/ports.js';
import { adminPort } from '../../support/proxy/admin-listener.js';
import { type ProxyProcess, startProxy } from '../../support/proxy/proxy.js';

let silent: net.Server;
before(async () => {
  silent = net.createServer(socket => socket.on('error', () => {}).resume());
  await listen(silent);
});
after(() => silent.close());

describe('a scrape', { concurrency: true }, () => {
  test('does not wait for an API server that accepts and never answers', async t => {
    const { port } = silent.address() as AddressInfo;
    const flags = [`--server=http://127.0.0.1:${port}`, '--admin-port=0', '--admin-address=127.0.0.1'];
    const scrape = async (at: number, path: string): Promise<string> => {
      const { status, text } = await send(at, path);
      assert.equal(status, 200);
      assert.match(text, /^kube_api_proxy_ready\{check="shutdown"\} 1$/m);
      return text;
    };
    // The check of the API server itself takes 5 s. One program that does not wait for it is enough: a busy machine makes some slower.
    const start = async (attempts = 5): Promise<[ProxyProcess, admin: number]> => {
      const proxy = await startProxy(flags);
      t.after(() => proxy.stop('SIGKILL'));
      const admin = await adminPort(proxy);
      const began = performance.now();
      await scrape(proxy.port, '/-/metrics');
      await scrape(admin, '/metrics');
      const took = performance.now() - began;
      if (took < 4_000) return [proxy, admin];
      assert.ok(attempts > 1, `they took ${took} ms`);
      return start(attempts - 1);
    };
    const [proxy, admin] = await start();
    // readyz waits for the results of the same checks.
    assert.equal((await send(admin, '/readyz')).status, 500);
    for (const text of [await scrape(admin, '/metrics'), await scrape(proxy.port, '/-/metrics')]) {
      assert.match(text, /^kube_api_proxy_ready\{check="credentials"\} 1$/m);
      assert.match(text, /^kube_api_proxy_ready\{check="upstream"\} 0$/m);
    }
  });
});
