import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import https from 'node:https';
import net from 'node:net';
import { after, test } from 'node:test';
import tls from 'node:tls';
import { clientRequests } from '../../../e2e/leg.js';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { kubectl, kubectlTest } from '../../../support/clients/kubectl.js';
import { closed } from '../../../support/closed.js';
import { eventually, within } from '../../../support/eventually.js';
import { startUpProblems } from '../../../support/proxy/in-process.js';
import { startStack, type TlsStack } from '../../../support/proxy/stack.js';

const [shared, onlyTls13] = await Promise.all([
  startStack({ after }, { tls: true, flags: ['--reject-paths='] }),
  startStack({ after }, { tls: true, flags: ['--tls-min-version=VersionTLS13'] }),
]);

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

async function serialOf(proxied: TlsStack, ca = proxied.ca): Promise<string> {
  const socket = await connect(proxied, { ca });
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
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

/** Writes to a TCP connection and reads until it ends. */
async function exchangePlain({ proxy }: TlsStack, text: string): Promise<string> {
  const socket = net.connect({ host: '127.0.0.1', port: proxy.port });
  let received = '';
  socket.on('data', chunk => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.write(text);
  await new Promise(resolve => socket.once('close', resolve));
  return received;
}

test('plain HTTP gets the sentence of Go’s servers from a TLS listener, which continues to serve', async () => {
  const { server } = shared;
  const before = clientRequests(server).length;
  const sentence = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';
  for (const text of [
    'GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'HEAD /version HTTP/1.1\r\nHost: localhost\r\n\r\n',
    `POST /api/v1/namespaces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}`,
    'GET /api HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
  ]) {
    assert.equal(await exchangePlain(shared, text), sentence, text);
  }
  assert.equal(clientRequests(server).length, before);
  assert.equal((await get(shared, '/version')).status, 200);
});

test('what is neither TLS nor HTTP gets no answer from a TLS listener', async () => {
  for (const text of ['SSH-2.0-OpenSSH_9.2\r\n', '\0\0\0\0\0\0\0\0\0\0']) {
    assert.doesNotMatch(await exchangePlain(shared, text), /HTTP/);
  }
  assert.equal((await get(shared, '/version')).status, 200);
});

test('a client of plain HTTP that goes on sending and does not leave is cut off', async () => {
  const socket = net.connect({ host: '127.0.0.1', port: shared.proxy.port, allowHalfOpen: true });
  socket.on('error', () => {}).resume();
  socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n');
  const sending = setInterval(() => socket.write('x'.repeat(10_000)), 20);
  await new Promise(resolve => socket.once('close', resolve));
  clearInterval(sending);
  assert.equal((await get(shared, '/version')).status, 200);
});

kubectlTest("kubectl's exec works over TLS", async () => {
  const { files, proxy } = shared;
  const ca = await files.replace('ca.crt', files.authority.certificate);
  // Without any credential kubectl asks for a password.
  const args = [
    '--server',
    `https://127.0.0.1:${proxy.port}`,
    '--certificate-authority',
    ca,
    '--token=unused',
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

test('TLS 1.2 is the lowest version by default', async () => {
  const socket = await connect(shared, { maxVersion: 'TLSv1.2' });
  assert.equal(socket.getProtocol(), 'TLSv1.2');
  socket.destroy();
  await assert.rejects(
    connect(shared, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' }),
  );
});

test('--tls-min-version=VersionTLS13 rejects TLS 1.2', async () => {
  const socket = await connect(onlyTls13);
  assert.equal(socket.getProtocol(), 'TLSv1.3');
  socket.destroy();
  await assert.rejects(connect(onlyTls13, { maxVersion: 'TLSv1.2' }));
});

test('every suite of TLS 1.2 that is offered has forward secrecy and authenticated encryption', async () => {
  const names = ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'];
  for (const ciphers of names.map(name => `ECDHE-ECDSA-${name}`)) {
    const socket = await connect(shared, { maxVersion: 'TLSv1.2', ciphers });
    assert.equal(socket.getCipher().name, ciphers);
    socket.destroy();
  }
  for (const ciphers of ['AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA']) {
    await assert.rejects(connect(shared, { maxVersion: 'TLSv1.2', ciphers }), ciphers);
  }
});

test('a rotated certificate is served when its key is there too, while open connections continue', async t => {
  const proxied = await startStack(t, { tls: true });
  const { files, proxy, port, ca } = proxied;
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  await get(proxied, '/version', { agent });
  const watch = await connect(proxied);
  watch.write('GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(watch, 'data');
  let closed = false;
  watch.once('close', () => {
    closed = true;
  });
  const before = await serialOf(proxied);

  const next = await files.authority.server({ notAfter: new Date('2040-01-01T00:00:00Z') });
  await writeFile(files.certificate, next.certificate);
  const told = () => proxy.log().some(({ msg }) => /last good ones stay in use/.test(String(msg)));
  await eventually('the log line', told);
  assert.equal(await serialOf(proxied), before);
  assert.match(
    proxy.stderr(),
    /--tls-private-key-file \S+ does not match the certificate in --tls-cert-file/,
  );
  assert.doesNotMatch(proxy.stderr(), /BEGIN|PRIVATE KEY-/);

  const written = Date.now();
  await files.write(next);
  await eventually('the new certificate', async () => (await serialOf(proxied)) !== before);
  // Files are polled every 4 s, and again if they change in the meantime. A busy machine takes longer.
  assert.ok(Date.now() - written < 20_000, `it took ${Date.now() - written} ms`);
  assert.equal(closed, false);
  const request = https.get({ host: '127.0.0.1', port, path: '/version', ca, agent });
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  response.resume();
  assert.equal(request.reusedSocket, true);
  watch.destroy();
  const { text } = await get(proxied, '/-/metrics');
  assert.match(
    text,
    new RegExp(
      `serving_certificate_expiration_timestamp_seconds ${Date.parse('2040-01-01T00:00:00Z') / 1000}\n`,
    ),
  );
  assert.match(text, /kube_api_proxy_tls_reloads_total\{result="success"\} [1-9]/);
  assert.match(text, /tls_reloads_total\{result="failure"\} [1-9]/);
});

test('SIGTERM ends connections that have sent nothing since their handshake', async t => {
  // Longer than the test waits.
  const proxied = await startStack(t, { tls: true, flags: ['--shutdown-grace=5m'] });
  const idle = await connect(proxied);
  idle.on('error', () => {}).resume();
  const { code } = await within('the end of the program', proxied.proxy.stop());
  assert.equal(code, 0);
  idle.destroy();
});

test('files and flags that cannot be used are reported at the start, with their flags and names', async () => {
  const { flags, folder, authority, replace, certificate, key } = await createServingFiles();
  const [certificateFlag = '', keyFlag = ''] = flags;
  const assertProblems = async (given: readonly string[], ...expected: readonly string[]) => {
    const problems = (await startUpProblems(['--server=http://127.0.0.1:1', ...given])).join('\n');
    for (const one of expected) assert.ok(problems.includes(one), problems);
    assert.doesNotMatch(problems, /BEGIN|\n\s+at /);
  };
  await assertProblems([certificateFlag], '--tls-cert-file needs --tls-private-key-file');
  await assertProblems([keyFlag], '--tls-private-key-file needs --tls-cert-file');
  await assertProblems([...flags, `--unix-socket=${folder}/socket`], '--unix-socket and --tls-cert-file');
  await assertProblems(
    [`--tls-cert-file=${folder}/no.crt`, `--tls-private-key-file=${folder}/no.key`],
    `--tls-cert-file ${folder}/no.crt: no such file`,
    `--tls-private-key-file ${folder}/no.key: no such file`,
  );
  await replace('tls.key', (await authority.server()).key);
  await assertProblems(
    flags,
    `--tls-private-key-file ${key} does not match the certificate in --tls-cert-file ${certificate}`,
  );
  for (const file of [certificate, key]) await writeFile(file, 'not PEM');
  await assertProblems(
    flags,
    `--tls-cert-file ${certificate} has no certificate`,
    `--tls-private-key-file ${key} has no private key`,
  );
});
