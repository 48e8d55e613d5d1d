import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { type ExecPlugin, writeExecPlugin } from '../support/exec-plugin.js';
import { type FakeApiServer, startFakeApiServer } from '../support/fake-api-server.js';
import { send } from '../support/http-client.js';
import { writeKubeconfig } from '../support/kubeconfig-file.js';
import { startOidcIssuer } from '../support/oidc-issuer.js';
import { type ProxyProcess, startProxy } from '../support/proxy.js';
import { bothLegs, health, openWatch, passed, probe, sample } from './credential-probe.js';
import { servedBy, workersOf } from './worker-probe.js';

type Tokens = Record<string, { username: string; groups: string[] }>;

interface Setting {
  readonly server: FakeApiServer;
  /** From now on the API server accepts only these tokens. */
  readonly allow: (...allowed: string[]) => void;
  readonly start: (user: Readonly<Record<string, unknown>>, workers: number) => Promise<ProxyProcess>;
}

async function set(t: TestContext): Promise<Setting> {
  const tokens: Tokens = {};
  const server = await startFakeApiServer({ clientCertificates: 'optional', tokens });
  t.after(() => server.kill());
  return {
    server,
    allow(...allowed) {
      for (const old of Object.keys(tokens)) delete tokens[old];
      for (const token of allowed) tokens[token] = { username: token, groups: ['system:masters'] };
    },
    async start(user, workers) {
      const kubeconfig = await writeKubeconfig({
        server: server.url,
        ca: server.authority.certificate,
        user,
      });
      const args = ['--kubeconfig', kubeconfig.path, '--reject-paths=', `--workers=${workers}`];
      const proxy = await startProxy(args);
      t.after(async () => {
        await proxy.stop('SIGKILL');
        await kubeconfig.remove();
      });
      return proxy;
    },
  };
}

async function pluginOf(t: TestContext): Promise<ExecPlugin> {
  const plugin = await writeExecPlugin();
  t.after(() => plugin.remove());
  return plugin;
}

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
const pod = '/api/v1/namespaces/default/pods/web-0';

/** Sends requests until every worker has served one. Returns the credentials with which they arrived. */
async function askAll(proxy: ProxyProcess, server: FakeApiServer): Promise<Set<string | undefined>> {
  const path = `${pod}/status`;
  const before = proxy.log().length;
  const logged = () => servedBy({ log: () => proxy.log().slice(before) }, path);
  const first = server.requests.length;
  await eventually('every worker', async () => {
    await Promise.all(Array.from({ length: 4 }, () => send(proxy.port, path)));
    return logged().size === workersOf(proxy).size;
  });
  const sent = server.requests.slice(first).filter(({ rawUrl }) => rawUrl === path);
  return new Set(
    sent.map(({ headers, tlsSubject }) => headers['authorization']?.toString() ?? tlsSubject?.commonName),
  );
}

describe('credentials of several workers', { concurrency: true }, () => {
  test('an exec plugin runs once for four waiting workers, and once for each renewal and 401', async t => {
    const { server, allow, start } = await set(t);
    const plugin = await pluginOf(t);
    allow('one');
    await plugin.answer({ token: 'one' });
    await plugin.delay(1000);
    const proxy = await start({ exec: plugin.exec() }, 4);
    const codes = await Promise.all(
      Array.from({ length: 24 }, async () => (await probe(proxy, server)).code),
    );
    assert.deepEqual(new Set(codes), new Set([200]));
    assert.equal(plugin.runs(), 1);
    assert.deepEqual(await askAll(proxy, server), new Set(['Bearer one']));

    await plugin.answer({ token: 'two' });
    allow('two');
    const refused = await Promise.all(
      Array.from({ length: 24 }, async (_, index) => {
        const leg = bothLegs[index % 2] as (typeof bothLegs)[number];
        return { leg, code: (await probe(proxy, server, leg)).code };
      }),
    );
    for (const { leg, code } of refused) assert.equal(code, passed(leg));
    assert.equal(plugin.runs(), 2);
    assert.deepEqual(await askAll(proxy, server), new Set(['Bearer two']));
    assert.equal(plugin.runs(), 2);
    const success = 'kube_api_proxy_credential_refreshes_total{source="exec",result="success"}';
    assert.equal(await sample(proxy, success), 2);
  });

  test('a credential is renewed in the background before it ends, for all workers at once', async t => {
    const { server, allow, start } = await set(t);
    const plugin = await pluginOf(t);
    allow('one');
    await plugin.answer({ token: 'one', expirationTimestamp: inSeconds(30) });
    const proxy = await start({ exec: plugin.exec() }, 3);
    // The credential is renewed after 24 s. On a busy machine the steps before may take so long that some workers already have the new one.
    const later = inSeconds(3600);
    await plugin.answer({ token: 'two', expirationTimestamp: later });
    allow('one', 'two');
    const used = await askAll(proxy, server);
    assert.ok(used.has('Bearer one') || used.has('Bearer two'));
    const expiration = 'kube_api_proxy_credential_expiration_timestamp_seconds{source="exec"}';
    await eventually('the renewal', () => plugin.runs() === 2, 60_000);
    await eventually(
      'the new expiry',
      async () => (await sample(proxy, expiration)) === Date.parse(later) / 1000,
    );
    allow('two');
    assert.deepEqual(await askAll(proxy, server), new Set(['Bearer two']), 'nobody had to be refused');
    assert.equal(plugin.runs(), 2);
  });

  test('no worker sends an expired credential, and all say why there is none', async t => {
    const { server, allow, start } = await set(t);
    const plugin = await pluginOf(t);
    allow('one');
    await plugin.answer({ token: 'one', expirationTimestamp: inSeconds(15) });
    const proxy = await start({ exec: plugin.exec() }, 2);
    assert.deepEqual(await askAll(proxy, server), new Set(['Bearer one']));
    await plugin.fail(3);
    await eventually('its end', async () => (await probe(proxy, server)).code === 503);
    for (let count = 0; count < 8; count += 1) {
      const { answer, arrived } = await probe(proxy, server, bothLegs[count % 2]);
      assert.equal(answer.code, 503);
      assert.match(answer.raw, /get-credential failed with exit code 3/);
      assert.equal(arrived.length, 0);
    }
    const { status, text } = await health(proxy, 'readyz');
    assert.equal(status, 500);
    assert.match(text, /\[-\]credentials failed: .*exit code 3/);
    await plugin.answer({ token: 'one' });
    await eventually('recovery', async () => (await probe(proxy, server)).code === 200, 40_000);
  });

  test('a single-use refresh token is used once, with any number of workers', async t => {
    const { server, allow, start } = await set(t);
    const issuer = await startOidcIssuer(server.authority);
    t.after(() => issuer.close());
    const idToken = (jti: string) =>
      ['{"alg":"RS256"}', JSON.stringify({ jti, exp: Math.floor(Date.now() / 1000) + 3600 }), 'signature']
        .map(part => Buffer.from(part).toString('base64url'))
        .join('.');
    let next = idToken('first');
    let valid = 'refresh-0';
    issuer.answer = ({ form }) => {
      if (form['refresh_token'] !== valid) return { status: 400, body: { error: 'invalid_grant' } };
      valid = `refresh-${issuer.requests.length}`;
      return { body: { id_token: next, refresh_token: valid } };
    };
    allow(next);
    const proxy = await start(
      {
        'auth-provider': {
          name: 'oidc',
          config: {
            'client-id': 'me',
            'client-secret': 'secret',
            'idp-issuer-url': issuer.url,
            'idp-certificate-authority-data': Buffer.from(server.authority.certificate).toString('base64'),
            'refresh-token': valid,
          },
        },
      },
      3,
    );
    const ask = async () => {
      const codes = await Promise.all(
        Array.from({ length: 18 }, async () => (await probe(proxy, server)).code),
      );
      assert.deepEqual(new Set(codes), new Set([200]));
    };
    await ask();
    assert.equal(issuer.requests.length, 1);
    next = idToken('second');
    allow(next);
    await ask();
    assert.equal(issuer.requests.length, 2);
    assert.deepEqual(await askAll(proxy, server), new Set([`Bearer ${next}`]));
  });

  test('a new certificate, token file or kubeconfig reaches every worker, and open watches continue', async t => {
    const { server, allow } = await set(t);
    const directory = await mkdtemp(join(tmpdir(), 'workers-'));
    t.after(() => rm(directory, { recursive: true, force: true }));
    const put = async (file: string, content: string) => {
      await writeFile(join(directory, `${file}.new`), content);
      await rename(join(directory, `${file}.new`), join(directory, file));
    };
    const one = await server.authority.client({ commonName: 'one', organizations: ['system:masters'] });
    const kubeconfig = await writeKubeconfig(
      { server: server.url, ca: server.authority.certificate, certificate: one.certificate, key: one.key },
      { credentials: 'files', directory },
    );
    const proxy = await startProxy(['--workers=3', '--kubeconfig', kubeconfig.path]);
    t.after(() => proxy.stop('SIGKILL'));
    assert.deepEqual(await askAll(proxy, server), new Set(['one']));
    const watch = await openWatch(proxy, server);
    t.after(() => watch.close());

    const reloads = 'kube_api_proxy_config_reloads_total{result="success"}';
    const two = await server.authority.client({ commonName: 'two', organizations: ['system:masters'] });
    await put('client.crt', two.certificate);
    await put('client.key', two.key);
    await eventually('the second certificate', async () => (await sample(proxy, reloads)) === 1);
    assert.deepEqual(await askAll(proxy, server), new Set(['two']));

    allow('three');
    await writeFile(join(directory, 'token'), 'three');
    await writeKubeconfig(
      {
        server: server.url,
        ca: server.authority.certificate,
        user: { tokenFile: 'token' },
      },
      { credentials: 'files', directory },
    );
    await eventually('the token', async () => (await sample(proxy, reloads)) === 2);
    assert.deepEqual(await askAll(proxy, server), new Set(['Bearer three']));

    // After a 401 the file is read before the next poll.
    allow('four');
    await put('token', 'four');
    const codes = await Promise.all(
      Array.from({ length: 12 }, async () => (await send(proxy.port, pod)).status),
    );
    assert.deepEqual(new Set(codes).has(503), false);
    await eventually('the next token', async () => {
      const sent = await askAll(proxy, server);
      return sent.size === 1 && sent.has('Bearer four');
    });
    assert.equal(await sample(proxy, 'kube_api_proxy_config_reloads_total{result="failure"}'), 0);

    // A later worker begins with the current credential.
    const [victim, pid] = [...workersOf(proxy)][0] as [number, number];
    process.kill(pid, 'SIGKILL');
    await eventually('another', () => (workersOf(proxy).get(victim) ?? pid) !== pid);
    assert.deepEqual(await askAll(proxy, server), new Set(['Bearer four']));
  });
});
