import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { makeFifo } from '../../support/fifo.js';
import { addContext, mountOf, startManyClusters, which } from '../../support/proxy/many-clusters.js';
import { startProxyFor } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** A program to load before the built one: lookups of `hangs-…` never end, and each keeps a thread of libuv, as getaddrinfo does. */
function writePreload(): string {
  const file = join(temporaryFolder(), 'hanging-names.cjs');
  writeFileSync(
    file,
    `const dns = require('node:dns');
    const fs = require('node:fs');
    const { lookup } = dns;
    dns.lookup = (name, options, callback) =>
      name.startsWith('hangs-')
        ? fs.open(${JSON.stringify(makeFifo())}, 'r', () => {})
        : lookup(name.endsWith('.healthy.test') ? '127.0.0.1' : name, options, callback);`,
  );
  return file;
}

test('while twenty host names never resolve, all other clusters answer, known or new, and the program is ready', async t => {
  const hanging = Array.from({ length: 20 }, (_, index) => `hangs-${index}`);
  const { kubeconfig } = await startManyClusters(t, {
    edit: (config, { one, two }) => {
      for (const name of hanging)
        addContext(config, name, one, { cluster: { server: `https://${name}.test` } });
      for (const name of ['current', 'known', 'new']) {
        const server = two.url.replace('127.0.0.1', `${name}.healthy.test`);
        addContext(config, name, two, { cluster: { server, 'tls-server-name': 'localhost' } });
      }
      config['current-context'] = 'current';
    },
  });
  const { port, pid } = await startProxyFor(t, [`--kubeconfig=${kubeconfig}`, '--all-contexts'], {
    NODE_OPTIONS: `--require=${writePreload()}`,
  });
  const statusOf = async (context: string) => (await send(port, mountOf(context) + which)).status;
  assert.equal(await statusOf('known'), 200);

  const gone = hanging.flatMap(name =>
    Array.from({ length: 100 }, () => http.get({ port, path: mountOf(name) + which }).on('error', () => {})),
  );
  for (const request of gone) request.destroy();
  const waiting = hanging.map(name => http.get({ port, path: mountOf(name) + which }).on('error', () => {}));
  t.after(() => waiting.forEach(request => void request.destroy()));
  await Promise.all(waiting.map(request => new Promise(resolve => request.once('finish', resolve))));

  assert.equal(await statusOf('known'), 200);
  assert.equal(await statusOf('new'), 200);
  assert.equal((await send(port, '/-/readyz')).status, 200);
  // Node has a few of its own.
  const [, threads] = /^Threads:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  assert.ok(Number(threads) >= 96 && Number(threads) < 110, threads);
});
