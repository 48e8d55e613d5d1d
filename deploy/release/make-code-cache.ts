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

/** Written as kubectl writes it, because other YAML runs other code. */
const config = (port: number) => `apiVersion: v1
clusters:
- cluster:
    server: http://127.0.0.1:${port}
  name: a
contexts:
- context:
    cluster: a
    user: a
  name: a
current-context: a
kind: Config
preferences: {}
users:
- name: a
  user: {}
`;

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
    // By then everything that a start begins has ended, in whichever order.
    response.resume().once('end', () => setTimeout(keep, 500));
  });
  return true;
};

function keep(): void {
  if (program === undefined) throw new Error('dist/main.js made no script');
  const file = resolve(`dist/program-${process.version}-${process.arch}.cache`);
  writeFileSync(file, program.createCachedData());
  process.exit(0);
}

const server = createServer((_request, response) => {
  response.setHeader('Content-Type', 'application/json').end('{}');
}).listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  writeFileSync(kubeconfig, config(port));
  process.argv = [process.execPath, main, '--port=0', `--kubeconfig=${kubeconfig}`];
  createRequire(main)(main);
});
