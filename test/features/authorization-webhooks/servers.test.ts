import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer, type RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { WebhookConfiguration } from '../../../src/features/authorization-webhooks/configuration.js';
import { followWebhooks } from '../../../src/features/authorization-webhooks/followed-webhooks.js';
import {
  type CertificateAuthority,
  type CertificatePair,
  createCertificateAuthority,
} from '../../support/certificates/certificates.js';
import { eventually } from '../../support/eventually.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { readFile, testFiles } from './read-file.js';
import { fileOf, webhook } from './wrong-files.js';

let authority: CertificateAuthority;
let certificate: CertificatePair;
before(async () => {
  authority = await createCertificateAuthority();
  certificate = await authority.server({ dns: ['hook.example'] });
});

const base64 = (text: string) => Buffer.from(text).toString('base64');

async function start(t: TestContext, answer: RequestListener) {
  const options = { cert: certificate.certificate, key: certificate.key, ca: authority.certificate };
  const server = createServer({ ...options, requestCert: true, rejectUnauthorized: false }, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  return { server, url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** The webhook of a kubeconfig for this URL. */
async function webhookAt(t: TestContext, url: string, cluster: object, user: object = {}) {
  const { kubeconfig } = testFiles(url);
  const file = kubeconfig('hook', '/authorize', cluster, user);
  const text = fileOf([{ type: 'Webhook', name: 'a', webhook }], false).replaceAll('KUBECONFIG', file);
  const found = await readFile(t, text);
  if ('problems' in found) assert.fail(found.problems.join());
  return (found.webhooks[0] as WebhookConfiguration).server;
}

const trusting = () => ({
  'certificate-authority-data': base64(authority.certificate),
  'tls-server-name': 'hook.example',
});

describe('the server of a webhook', () => {
  it('is posted to at its own path, over TLS, with the credentials of its kubeconfig', async t => {
    const seen: unknown[] = [];
    const { url } = await start(t, (request, response) => {
      const { method, url, headers, socket } = request;
      const { CN } = (socket as TLSSocket).getPeerCertificate().subject ?? {};
      seen.push(method, url, headers.authorization, headers.accept, headers['content-type'], CN);
      request.on('data', part => seen.push(String(part)));
      request.on('end', () =>
        response
          .writeHead(201, { 'Retry-After': '7', 'Content-Type': 'a/b', 'Content-Encoding': 'c' })
          .end('yes'),
      );
    });
    const pair = await authority.client({ commonName: 'gateway', organizations: [] });
    const server = await webhookAt(t, url, trusting(), {
      token: 'secret',
      'client-certificate-data': base64(pair.certificate),
      'client-key-data': base64(pair.key),
    });
    const answer = await server.post('{"a":1}', { timeout: 10_000 });
    const fields = { retryAfter: '7', contentType: 'a/b', contentEncoding: 'c' };
    assert.deepEqual(answer, { status: 201, text: 'yes', ...fields });
    assert.deepEqual(seen, [
      ...['POST', '/authorize?timeout=3s', 'Bearer secret', 'application/json, */*'],
      ...['application/json', 'gateway', '{"a":1}'],
    ]);
    assert.equal(server.url, `${url}/authorize?timeout=3s`);
  });

  it('is not asked if its certificate is of another authority', async t => {
    const { url } = await start(t, () => assert.fail('it was asked'));
    const server = await webhookAt(t, url, { 'tls-server-name': 'hook.example' });
    await assert.rejects(
      server.post('{}', { timeout: 10_000 }),
      (error: Error & { code?: string }) =>
        /SELF_SIGNED|UNABLE_TO/.test(error.code ?? '') &&
        error.message.startsWith(new URL(server.url).host) &&
        !/API server/.test(error.message),
    );
  });

  it('is not followed to another address', async t => {
    const paths: unknown[] = [];
    const { url } = await start(t, ({ url }, response) => {
      paths.push(url);
      response.writeHead(307, { Location: '/other' }).end();
    });
    const server = await webhookAt(t, url, trusting());
    assert.equal((await server.post('{}', { timeout: 10_000 })).status, 307);
    assert.deepEqual(paths, ['/authorize?timeout=3s']);
  });

  for (const [what, answer, code] of [
    [
      'sends more than 16 MB',
      (_request, response) => response.end('x'.repeat(17_000_000)),
      /^UNREADABLE_ANSWER$/,
    ],
    [
      'ends its lines in another way',
      request => request.socket.end('HTTP/1.1 200 OK\n\n{}'),
      /^UNREADABLE_ANSWER$/,
    ],
    ['breaks off', request => request.socket.destroy(), /^ECONNRESET$/],
    ['does not answer in time', () => {}, /^ETIMEDOUT$/],
  ] as const satisfies readonly (readonly [string, RequestListener, RegExp])[]) {
    it(`has not answered if it ${what}`, async t => {
      const { url } = await start(t, answer);
      const server = await webhookAt(t, url, trusting());
      await assert.rejects(
        server.post('{}', { timeout: code.test('ETIMEDOUT') ? 300 : 10_000 }),
        (error: Error & { code?: string }) => code.test(error.code ?? ''),
      );
    });
  }
});

it('the servers of webhooks change with their kubeconfigs and with the file, and the last good version stays in use', async t => {
  const asked: string[] = [];
  const listen = async (name: string) => {
    const server = createPlainServer((request, response) => {
      asked.push(name);
      request.resume();
      response.end(name);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    t.after(() => server.closeAllConnections());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const [one, other] = [await listen('one'), await listen('other')];
  const files = testFiles(one);
  const kubeconfig = files.kubeconfig('hook', '');
  const file = join(temporaryFolder(), 'config.json');
  const write = (names: readonly string[]) => {
    const entries = names.map(name => ({ type: 'Webhook', name, webhook }));
    writeFileSync(file, fileOf(entries, false).replaceAll('KUBECONFIG', kubeconfig));
  };
  write(['a']);
  let webhooks: readonly WebhookConfiguration[] = [];
  const reloads: boolean[] = [];
  const told: unknown[] = [];
  const followed = await followWebhooks({
    ...{ file, env: {}, interval: 10, reloaded: isUsable => reloads.push(isUsable) },
    logger: { info: text => told.push(text), warn() {}, error() {} },
    use(found) {
      webhooks = found;
    },
  });
  if ('problems' in followed) assert.fail(followed.problems.join());
  t.after(() => followed.close());
  const answer = async (index = 0) => (await webhooks[index]?.server.post('{}', { timeout: 10_000 }))?.text;
  assert.equal(await answer(), 'one');

  writeFileSync(kubeconfig, '{');
  await eventually('the broken kubeconfig', () => followed.warnings().length === 1);
  assert.match(followed.warnings()[0] ?? '', /hook cannot be used; its last valid version stays in use$/);
  assert.equal(await answer(), 'one');

  const moved = testFiles(other).kubeconfig('hook', '');
  writeFileSync(kubeconfig, readFileSync(moved));
  await eventually('the new kubeconfig', async () => (await answer()) === 'other');
  assert.deepEqual([followed.warnings(), reloads], [[], [false, true]]);

  const [before] = webhooks;
  write(['a', 'b']);
  await eventually('the new file', () => reloads.length === 3);
  assert.deepEqual(
    [
      webhooks.length,
      await answer(1),
      await before?.server.post('{}', { timeout: 9_000 }).then(({ text }) => text),
    ],
    [2, 'other', 'other'],
  );

  assert.equal(told.at(-1), 'webhooks of --authorization-config reloaded');

  write(['a', 'A']);
  await eventually('the wrong file', () => reloads.length === 4);
  assert.deepEqual(
    [reloads, webhooks.length, followed.warnings().length],
    [[false, true, true, false], 2, 1],
  );
});
