import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { createCertificateAuthority } from '../../../support/certificates/certificates.js';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { ask, connectHttp2 } from '../../../support/clients/http2-client.js';
import { kubectl, kubectlTest } from '../../../support/clients/kubectl.js';
import { embeddedApiServer } from '../../../support/embedded-api-server.js';
import { twoUsers } from '../../../support/identities/two-users.js';
import { callersFlag } from '../../../support/proxy/callers.js';
import { runProgram } from '../../../support/proxy/proxy.js';
import { startStack } from '../../../support/proxy/stack.js';

const pod = '/api/v1/namespaces/default/pods/web-0';
const configMap = '/api/v1/namespaces/default/configmaps/settings';

const server = await embeddedApiServer({ after });
const authority = await createCertificateAuthority({ commonName: 'clients' });
const files = await createServingFiles();
const proxied = await startStack(
  { after },
  {
    server,
    flags: [
      `--client-ca-file=${await files.replace('clients.crt', authority.certificate)}`,
      callersFlag(await files.replace('tokens.csv', twoUsers)),
      '--reject-paths=',
    ],
    tls: files,
  },
);

/** A connection that presents a certificate with this subject, or none. */
async function connect(commonName?: string, organizations: readonly string[] = []) {
  const pair =
    commonName === undefined
      ? undefined
      : await authority.client({ commonName, organizations: [...organizations] });
  return connectHttp2(proxied.port, proxied.ca, { ...(pair && { cert: pair.certificate, key: pair.key }) });
}

function token(name: string) {
  return { headers: { authorization: `Bearer ${name}-token` } };
}

async function arrived(mark: string) {
  return (await server.arrivals()).filter(({ target }) => target.endsWith(mark));
}

describe('callers over HTTP/2', () => {
  test('with tokens share one connection, and each request acts as its own caller', async t => {
    const session = await connect();
    t.after(() => session.destroy());
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

  test('cannot name their user themselves', async t => {
    const session = await connect();
    t.after(() => session.destroy());
    for (const header of [
      ...['impersonate-user', 'impersonate-group', 'impersonate-extra-scopes', 'impersonate_user'],
      ...['x-remote-user', 'x_remote_group', 'x-remote-extra-scopes'],
    ]) {
      const headers = { ...token('alice').headers, [header]: 'bob' };
      const { status, text } = await ask(session, `${pod}?claimed=${header}`, { headers });
      assert.equal(status, 403, header);
      assert.match(text, /Impersonate-\* and X-Remote-\*/);
      assert.deepEqual(await arrived(`?claimed=${header}`), []);
    }
  });

  test('that name a user with a control character act as themselves: neither the rules nor the API server see that field', async t => {
    const session = await connect();
    t.after(() => session.destroy());
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
  test('act under its CN and groups, even if a token is sent with it', async t => {
    const session = await connect('bob', ['ops']);
    t.after(() => session.destroy());
    for (const [index, question] of [{}, token('alice'), token('wrong')].entries()) {
      const mark = `?certified=${index}`;
      assert.equal((await ask(session, configMap + mark, question)).status, 200);
      const [request] = await arrived(mark);
      assert.equal(request?.user?.username, server.user);
      assert.deepEqual(request?.impersonated, { username: 'bob', groups: ['ops', 'system:authenticated'] });
      assert.equal((await ask(session, pod, question)).status, 403);
    }
  });

  test('send no token of theirs to the API server', async t => {
    const session = await connect('bob', ['ops']);
    t.after(() => session.destroy());
    assert.equal((await ask(session, `${configMap}?without-token`, token('alice'))).status, 200);
    const sent = server.embedded.requests.filter(({ rawUrl }) => rawUrl.endsWith('?without-token'));
    assert.deepEqual(
      sent.map(({ headers }) => headers['authorization']),
      [undefined],
    );
  });

  test('with names and groups that Kubernetes reserves are rejected', async t => {
    for (const [name, group] of [
      ['system:admin', 'dev'],
      ['alice', 'system:masters'],
    ] as const) {
      const session = await connect(name, [group]);
      t.after(() => session.destroy());
      const mark = `?own=${encodeURIComponent(name + group)}`;
      for (const question of [{}, token('alice')]) {
        assert.equal((await ask(session, pod + mark, question)).status, 403, `${name} ${group}`);
      }
      assert.deepEqual(await arrived(mark), []);
    }
  });

  test('with a stranger’s certificate are authenticated by their token, if there is one', async t => {
    const stranger = await (await createCertificateAuthority({ commonName: 'clients' })).client({
      commonName: 'bob',
    });
    const session = await connectHttp2(proxied.port, proxied.ca, {
      cert: stranger.certificate,
      key: stranger.key,
    });
    t.after(() => session.destroy());
    assert.equal((await ask(session, pod)).status, 401);
    const afterTwoSpaces = { headers: { authorization: 'Bearer  alice-token' } };
    assert.equal((await ask(session, pod, afterTwoSpaces)).status, 401);
    assert.equal((await ask(session, pod, token('alice'))).status, 200);
    assert.equal((await ask(session, configMap, token('alice'))).status, 403);
  });
});

describe('kubectl over TLS', () => {
  kubectlTest('has the user of its token', async () => {
    const ca = await proxied.files.replace('ca.crt', proxied.ca);
    const server = `--server=https://127.0.0.1:${proxied.port}`;
    const args = [server, `--certificate-authority=${ca}`, '--token=alice-token'];
    const { stdout, stderr } = await kubectl(['auth', 'whoami', ...args]);
    assert.match(stdout, /Username +alice/, stderr);
    const executed = await kubectl(['exec', 'web-0', ...args, '--', 'echo', 'hello']);
    assert.equal(executed.stdout, 'hello\n', executed.stderr);
  });
});

describe('tokens of callers', () => {
  test('are not accepted beyond loopback without TLS', async () => {
    const { code, stderr } = await runProgram([
      ...['--server=https://127.0.0.1:1', '--address=0.0.0.0', '--port=0', callersFlag('/nonexistent/t.csv')],
    ]);
    assert.equal(code, 1);
    assert.match(stderr, /the tokens of --\S+ would cross the network unencrypted; set --tls-cert-file/);
  });
});
