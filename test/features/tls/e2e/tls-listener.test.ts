import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import https from 'node:https';
import { after, test } from 'node:test';
import tls from 'node:tls';
import { kubectl, kubectlTest } from '../../../support/clients/kubectl.js';
import { closed } from '../../../support/closed.js';
import { eventually } from '../../../support/eventually.js';
import { startStack, type TlsStack } from '../../../support/proxy/stack.js';

const shared = await startStack({ after }, { tls: true, flags: ['--reject-paths='] });

function get(
  { proxy, ca }: TlsStack,
  path: string,
  options: https.RequestOptions = {},
): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const request = https.get({ host: '127.0.0.1', port: proxy.port, path, ca, agent: false, ...options });
    request.once('error', reject).once('response', response => {
      let text = '';
      response
        .setEncoding('utf8')
        .on('data', chunk => {
          text += chunk;
        })
        .once('end', () => resolve({ status: response.statusCode, text }));
    });
  });
}

/** Opens a connection and finishes its handshake, or rejects. */
async function connect({ proxy, ca }: TlsStack, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: '127.0.0.1', port: proxy.port, ca, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

/** Writes to a TLS connection and reads until it ends. */
async function exchange(proxied: TlsStack, text: string | Buffer): Promise<string> {
  const socket = await connect(proxied);
  let received = '';
  socket.on('data', chunk => {
    received += chunk.toString('latin1');
  });
  socket.write(text);
  await closed(socket);
  return received;
}

test('a listener with a certificate serves HTTPS, and prints the same line as without one', async () => {
  assert.match(shared.proxy.stdout(), /^Starting to serve on 127\.0\.0\.1:\d+\n$/);
  const { status, text } = await get(shared, '/version');
  assert.equal(status, 200);
  assert.match(text, /gitVersion/);
});

kubectlTest("kubectl's exec works over TLS", async () => {
  const { files, proxy } = shared;
  const ca = await files.replace('ca.crt', files.authority.certificate);
  // Without any credential kubectl asks for a password.
  const args = [
    ...['--server', `https://127.0.0.1:${proxy.port}`, '--certificate-authority', ca, '--token=unused'],
  ];
  const { stdout, stderr } = await kubectl([...args, 'exec', 'web-0', '--', 'echo', 'over', 'tls']);
  assert.equal(stdout, 'over tls\n', stderr);
});

test('bytes that are not HTTP get a 400 over TLS, and a head that is too large a 431', async () => {
  assert.match(await exchange(shared, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 [\s\S]*"kind":"Status"/);
  const bomb = `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(200_000)}\r\n\r\n`;
  assert.match(await exchange(shared, bomb), /^HTTP\/1\.1 431 [\s\S]*"kind":"Status"/);
});

test('the host guard works over TLS', async () => {
  const { status, text } = await get(shared, '/version', {
    servername: 'localhost',
    headers: { Host: 'evil.example' },
  });
  assert.equal(status, 403);
  assert.match(text, /--accept-hosts/);
});

test('an answer without a length that breaks off ends without close_notify', async () => {
  let cut = () => {};
  shared.server.intercept((request, response) => {
    if (request.url !== '/cut') return false;
    response.write('half');
    cut = () => response.socket?.destroy();
    return true;
  });
  const socket = await connect(shared);
  const args = ['s_client', '-connect', `127.0.0.1:${shared.proxy.port}`, '-quiet', '-no_ign_eof'];
  socket.destroy();
  const client = execFile('openssl', args);
  let output = '';
  client.stdout?.on('data', chunk => {
    output += chunk;
  });
  client.stderr?.on('data', chunk => {
    output += chunk;
  });
  client.stdin?.write('GET /cut HTTP/1.0\r\nHost: localhost\r\n\r\n');
  await eventually('the first half', () => /half/.test(output));
  cut();
  await once(client, 'close');
  assert.match(output, /half/);
  assert.match(output, /unexpected eof while reading/);
});
