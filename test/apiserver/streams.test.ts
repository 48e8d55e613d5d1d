import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { seen } from '../support/clients/kubectl.js';
import { eventually, within } from '../support/eventually.js';
import { protocols, Stack, terminalServerTest, test } from './kubectl-stack.js';

const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');

test('kubectl logs prints the log of a kubelet, its tail, and new lines at once', async (t, server) => {
  const stack = await Stack.start(t, server);
  const { kubelet, namespace } = stack;
  assert.match(await stack.succeed(['logs', 'web']), /^log line 0\n[\s\S]*log line 4\n$/);
  assert.equal(await stack.succeed(['logs', 'web', '--tail=1']), 'log line 4\n');
  const follower = stack.start(['logs', '-f', 'web']);
  await seen(follower, /log line 4/);
  const line = seen(follower, /a new line/);
  // No later line could flush this one.
  kubelet.log(namespace, 'web', 'a new line');
  await line;
  const followed = kubelet.requests.find(({ rawUrl }) => rawUrl.includes('follow=true'));
  assert.match(followed?.rawUrl ?? '', new RegExp(`^/containerLogs/${namespace}/web/main\\?`));
  follower.kill('SIGKILL');
  await within('the end of the followed log at the kubelet', followed?.closed ?? Promise.reject());
});

for (const protocol of protocols) {
  const over = `over ${protocol.name}`;

  test(`kubectl exec ${over} prints both outputs and returns the exit code`, async (t, server) => {
    const stack = await Stack.start(t, server, protocol);
    const script = 'echo out; echo err 1>&2; exit 7';
    const { code, stdout, stderr } = await stack.run(['exec', 'web', '--', 'sh', '-c', script]);
    assert.equal(code, 7, stderr);
    assert.equal(stdout, 'out\n');
    assert.equal(stderr, 'err\ncommand terminated with exit code 7\n');
    assert.equal(await stack.succeed(['exec', 'web', '--', 'true']), '');
    const refused = await stack.run(['exec', 'web', '-c', 'nope', '--', 'true']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /container not found \("nope"\)|container nope is not valid for pod web/);
    await stack.assertProtocol(protocol);
  });

  test(`kubectl exec ${over} loses no byte of megabytes, and the end of its input is the end of the command's`, async (t, server) => {
    const stack = await Stack.start(t, server, protocol);
    const input = randomBytes(2 * 1024 * 1024 + 17);
    const sum = await stack.succeed(['exec', '-i', 'web', '--', 'sha256sum'], { input });
    assert.equal(sum.split(' ')[0], sha256(input));
    const text = randomBytes(1536 * 1024).toString('base64');
    const echoed = await stack.succeed(['exec', '-i', 'web', '--', 'cat'], { input: text });
    assert.equal(sha256(echoed), sha256(text));
    await stack.assertProtocol(protocol);
  });

  terminalServerTest(`kubectl exec -it ${over} has a terminal, and follows its size`, async (t, server) => {
    const stack = await Stack.start(t, server, protocol);
    const file = join(stack.folder, 'tty');
    const terminal = stack.startInTerminal(['exec', '-it', 'web', '--', 'sh'], file);
    await seen(terminal, /[$#] $/);
    const askedSize = async () => {
      const size = seen(terminal, /(\d+) (\d+)\r\n[\s\S]*[$#] $/);
      terminal.stdin.write('stty size\r');
      const [, rows, columns] = await size;
      return `${rows} ${columns}`;
    };
    assert.equal(await askedSize(), '33 77');
    const path = (await readFile(file, 'utf8')).trim();
    // kubectl drops a change that comes while it sends the one before.
    for (const [side, length, size] of [
      ['rows', '40', '40 77'],
      ['cols', '100', '40 100'],
    ] as const) {
      await promisify(execFile)('stty', ['-F', path, side, length]);
      await eventually('the new size', async () => (await askedSize()) === size);
    }
    const ended = once(terminal, 'close');
    terminal.stdin.write('exit 5\r');
    const [code] = (await ended) as [number | null];
    assert.equal(code, 5);
    await stack.assertProtocol(protocol);
  });

  test(`kubectl attach ${over} on a mount passes input to the process and shows its output`, async (t, server) => {
    const stack = (await Stack.start(t, server, protocol)).atMount();
    const attach = stack.start(['attach', '-i', 'web']);
    const echoed = seen(attach, /typed in/);
    attach.stdin.write('typed in\n');
    await echoed;
    const logged = seen(attach, /from the process/);
    stack.kubelet.log(stack.namespace, 'web', 'from the process');
    await logged;
    const ended = once(attach, 'close');
    attach.stdin.end();
    assert.deepEqual(await ended, [0, null]);
    await stack.assertProtocol(protocol);
  });

  test(`kubectl cp ${over} on a mount copies a folder in both directions`, async (t, server) => {
    const stack = (await Stack.start(t, server, protocol)).atMount();
    const source = join(stack.folder, 'source');
    const back = join(stack.folder, 'back');
    await mkdir(join(source, 'sub'), { recursive: true });
    const big = randomBytes(2 * 1024 * 1024 + 1);
    await writeFile(join(source, 'big'), big);
    await writeFile(join(source, 'sub', 'small'), 'small');
    await stack.succeed(['cp', source, 'web:copy']);
    await stack.succeed(['cp', 'web:copy', back]);
    assert.deepEqual((await readdir(back)).sort(), ['big', 'sub']);
    assert.equal(sha256(await readFile(join(back, 'big'))), sha256(big));
    assert.equal(await readFile(join(back, 'sub', 'small'), 'utf8'), 'small');
    await stack.assertProtocol(protocol);
  });

  test(`kubectl port-forward ${over} on a mount carries many connections, and the half-close of each`, async (t, server) => {
    // It answers only after the end of what it gets.
    const summing = net.createServer({ allowHalfOpen: true }, socket => {
      const hash = createHash('sha256');
      socket.on('data', chunk => hash.update(chunk)).once('end', () => socket.end(hash.digest('hex')));
      socket.on('error', () => {});
    });
    summing.listen(0, '127.0.0.1');
    await once(summing, 'listening');
    t.after(() => summing.close());
    const { port } = summing.address() as AddressInfo;
    const annotations = { 'port-forward.test/80': String(port) };
    const stack = (await Stack.start(t, server, protocol, annotations)).atMount();
    const forward = stack.start(['port-forward', 'pod/web', ':80', ':81']);
    const [, sums, echoes] = await seen(
      forward,
      /127\.0\.0\.1:(\d+) -> 80\n[\s\S]*127\.0\.0\.1:(\d+) -> 81\n/,
    );
    const exchange = async (to: string | undefined, sent: Buffer) => {
      const client = net.connect({ port: Number(to), host: '127.0.0.1', allowHalfOpen: true });
      client.end(sent);
      const chunks: Buffer[] = [];
      for await (const chunk of client as AsyncIterable<Buffer>) chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    const sent = randomBytes(512 * 1024 + 1);
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        const [sum, echo] = await Promise.all([exchange(sums, sent), exchange(echoes, sent)]);
        assert.equal(sum.toString(), sha256(sent));
        assert.equal(sha256(echo), sha256(sent));
      }),
    );
    await stack.assertProtocol(protocol);
  });
}
