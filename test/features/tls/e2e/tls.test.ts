import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, describe, test } from 'node:test';
import tls from 'node:tls';
import { toBytes } from '../../../e2e/leg.js';
import {
  type CertificatePair,
  createCertificateAuthority,
} from '../../../support/certificates/certificates.js';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { ask, connectHttp2 } from '../../../support/clients/http2-client.js';
import { closed } from '../../../support/closed.js';
import { embeddedApiServer } from '../../../support/embedded-api-server.js';
import { eventually } from '../../../support/eventually.js';
import { twoUsers } from '../../../support/identities/two-users.js';
import { callersFlag } from '../../../support/proxy/callers.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { startStack } from '../../../support/proxy/stack.js';

const pod = '/api/v1/namespaces/default/pods/web-0';
const exec = `${pod}/exec?command=true&stdout=true`;
const configMap = '/api/v1/namespaces/default/configmaps/settings';

const authority = await createCertificateAuthority({ commonName: 'clients' });
/** Her name is new, because she gets rights. */
const janeName = `jane-${randomUUID()}`;
const jane = await authority.client({ commonName: janeName, organizations: ['dev'] });
const bob = await authority.client({ commonName: 'bob', organizations: ['ops'] });
const stranger = await (await createCertificateAuthority({ commonName: 'clients' })).client({
  commonName: 'bob',
});
const server = await embeddedApiServer({ after });
await server.grant(janeName, [{ apiGroups: [''], resources: ['pods', 'pods/exec'], verbs: ['*'] }]);
const files = await createServingFiles();
const { proxy, port, ca } = await startStack(
  { after },
  {
    run: startProxyFor,
    server,
    flags: [
      ...['--address=0.0.0.0', '--reject-paths='],
      `--client-ca-file=${await files.replace('clients.crt', authority.certificate)}`,
      callersFlag(await files.replace('tokens.csv', twoUsers)),
    ],
    tls: files,
  },
);

/** A connection over HTTP/2 that presents this certificate, or none. */
async function connect(pair?: CertificatePair) {
  const session = await connectHttp2(port, ca, { ...(pair && { cert: pair.certificate, key: pair.key }) });
  after(() => session.destroy());
  return session;
}

/** Sends bytes over TLS and returns everything until the connection ends, or until the head of a 101. */
async function exchange(pair: CertificatePair | undefined, bytes: string | Buffer): Promise<string> {
  const socket = tls.connect({ port, ca, ...(pair && { cert: pair.certificate, key: pair.key }) });
  await once(socket, 'secureConnect');
  let received = '';
  socket.on('data', chunk => {
    received += chunk.toString('latin1');
    if (received.startsWith('HTTP/1.1 101')) socket.destroy();
  });
  socket.write(bytes);
  await closed(socket);
  return received;
}

function token(name: string) {
  return { headers: { authorization: `Bearer ${name}-token` } };
}

async function arrived(mark: string) {
  return (await server.arrivals()).filter(({ target }) => target.endsWith(mark));
}

/** `openssl s_client` at the program, and its output. */
function openssl(...args: string[]) {
  const client = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...args]);
  let output = '';
  for (const stream of [client.stdout, client.stderr]) {
    stream.on('data', chunk => {
      output += chunk;
    });
  }
  return { client, output: () => output };
}

describe('a listener with a certificate', () => {
  test('prints the same line as without one, and may listen beyond loopback with client certificates', () => {
    assert.match(proxy.stdout(), /^Starting to serve on 0\.0\.0\.0:\d+\n$/);
    assert.doesNotMatch(proxy.stderr(), /no authentication/);
  });

  test('lets no client renegotiate, with another certificate or at all', async () => {
    const { client, output } = openssl('-tls1_2');
    await eventually('the handshake', () => /Verify return code/.test(output()));
    client.stdin.write('R\n');
    await eventually('the refusal', () => /no renegotiation/.test(output()));
    client.kill('SIGKILL');
  });

  test('ends without close_notify after an answer without a length that breaks off', async () => {
    let cut = () => {};
    server.embedded.intercept((request, response) => {
      if (request.url !== '/cut') return false;
      response.write('half');
      cut = () => response.socket?.destroy();
      return true;
    });
    const { client, output } = openssl('-quiet', '-no_ign_eof');
    client.stdin.write('GET /cut HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer alice-token\r\n\r\n');
    await eventually('the first half', () => /half/.test(output()));
    cut();
    await once(client, 'close');
    assert.match(output(), /half/);
    assert.match(output(), /unexpected eof while reading/);
  });
});

describe('callers over HTTP/2', () => {
  test('with tokens share one connection, and each request acts as its own caller', async () => {
    const session = await connect();
    const names = Array.from({ length: 300 }, (_, index) => ['alice', 'bob', 'nobody'][index % 3] as string);
    const answers = await Promise.all(
      names.map((name, index) => ask(session, `${pod}?h2=${index}.`, name === 'nobody' ? {} : token(name))),
    );
    for (const [index, { status, text }] of answers.entries()) {
      const name = names[index];
      assert.equal(status, { alice: 200, bob: 403, nobody: 401 }[name as string], text);
      if (name === 'bob') assert.match(text, /User \\"bob\\" cannot get/);
      const identities = (await arrived(`?h2=${index}.`)).map(({ impersonated }) => impersonated?.username);
      assert.deepEqual(identities, name === 'nobody' ? [] : [name]);
    }
  });

  test('that name a user with a control character act as themselves: neither the rules nor the API server see that field', async () => {
    const session = await connect();
    const fields = ['impersonate-user', 'impersonate-group', 'impersonate-extra-scopes', 'x-remote-user'];
    for (const [index, header] of fields.entries()) {
      const headers = { ...token('alice').headers, [header]: 'bo\x01b' };
      const { status, text } = await ask(session, `${pod}?unseen=${index}.`, { headers });
      assert.equal(status, 200, text);
      const [{ impersonated } = {}] = await arrived(`?unseen=${index}.`);
      assert.deepEqual(impersonated, { username: 'alice', groups: ['dev', 'system:authenticated'] });
    }
  });
});

describe('callers with a client certificate', () => {
  for (const [leg, target, code] of [
    ['plain', `${pod}?pretty=true`, 200],
    ['websocket', exec, 101],
  ] as const) {
    test(`of --client-ca-file are accepted (${leg}), and those without one or with another get a 401`, async () => {
      const mark = `&own=${leg}`;
      const head = toBytes({ leg, target: target + mark });
      assert.match(await exchange(jane, head), new RegExp(`^HTTP/1\\.1 ${code} `));
      const before = (await arrived(mark)).length;
      for (const pair of [undefined, stranger]) {
        const answer = await exchange(pair, head);
        assert.match(answer, /^HTTP\/1\.1 401 [\s\S]*"kind":"Status"[\s\S]*"reason":"Unauthorized"/);
      }
      assert.equal((await arrived(mark)).length, before);
    });
  }

  test('act under its CN and groups, even if a token is sent with it, which the API server does not get', async () => {
    const session = await connect(bob);
    for (const [index, question] of [{}, token('alice'), token('wrong')].entries()) {
      const mark = `?certified=${index}`;
      assert.equal((await ask(session, configMap + mark, question)).status, 200);
      const [request] = await arrived(mark);
      assert.equal(request?.user?.username, server.user);
      assert.deepEqual(request?.impersonated, { username: 'bob', groups: ['ops', 'system:authenticated'] });
      assert.equal((await ask(session, pod, question)).status, 403);
      const [sent] = server.embedded.requests.filter(({ rawUrl }) => rawUrl.endsWith(mark));
      assert.equal(sent?.headers['authorization'], undefined);
    }
  });
});
