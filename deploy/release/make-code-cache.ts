import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import vm from 'node:vm';

// Runs dist/main.js as a user does, up to the first answer of an API server, and writes the code that V8 has compiled of dist/program.js until
// then, to where dist/main.js looks for it.
const folder = mkdtempSync(join(tmpdir(), 'code-cache-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
const kubeconfig = join(folder, 'config');
const main = resolve('dist/main.js');

let program: vm.Script | undefined;
vm.Script = class extends vm.Script {
  constructor(...args: ConstructorParameters<typeof vm.Script>) {
    super(...args);
    program ??= this;
  }
};

const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (text: string | Uint8Array) => {
  const address = /^Starting to serve on (.*)\n$/.exec(String(text))?.[1];
  if (address === undefined) return write(text);
  get(`http://${address}/api/v1/namespaces/default/pods`, response => {
    response.resume().once('end', () => {
      if (program === undefined) throw new Error('dist/main.js made no script');
      const file = resolve(`dist/program-${process.version}-${process.arch}.cache`);
      writeFileSync(file, program.createCachedData());
      process.exit(0);
    });
  });
  return true;
};

const server = createServer((_request, response) => {
  response.setHeader('Content-Type', 'application/json').end('{}');
}).listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cluster = { name: 'a', cluster: { server: url } };
  const context = { name: 'a', context: { cluster: 'a', user: 'a' } };
  const config = {
    'current-context': 'a',
    clusters: [cluster],
    users: [{ name: 'a', user: {} }],
    contexts: [context],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  process.argv = [process.execPath, main, '--port=0', `--kubeconfig=${kubeconfig}`];
  createRequire(main)(main);
});
