import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { send as sendPlain } from '../../support/clients/http-client.js';
import { exchangeRaw } from '../../support/clients/raw-http.js';
import { eventually } from '../../support/eventually.js';
import { type FakeApiServer, startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { writeExecPlugin } from '../../support/identities/exec-plugin.js';
import { type RunningProgram, startInProcess } from '../../support/proxy/in-process.js';
import {
  type KubeconfigContents,
  type KubeconfigForm,
  writeKubeconfig,
} from '../../support/proxy/kubeconfig-file.js';
import { type ProxyProcess, startProxyFor } from '../../support/proxy/proxy.js';
import { bothLegs, probe } from '../credential-probe.js';
import { send } from '../leg.js';

const masters = ['system:masters'];

/** Every form in which one of these secrets could be written; of a key, every line. */
function spellings(secrets: readonly string[]): string[] {
  return secrets.flatMap(secret => {
    if (secret.includes('PRIVATE KEY')) {
      const lines = secret.split('\n').filter(line => line.length > 30 && !line.startsWith('-----'));
      return [...lines, ...lines.map(line => Buffer.from(line).toString('base64').slice(0, 40))];
    }
    const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
    return [secret, base64, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
  });
}

function assertHidden(text: string, secrets: readonly string[], what: string): void {
  for (const form of spellings(secrets)) {
    const at = text.indexOf(form);
    assert.equal(at, -1, `${what} shows ${form}: ${text.slice(Math.max(0, at - 200), at + 200)}`);
  }
  assert.doesNotMatch(text, /-----BEGIN [A-Z ]*PRIVATE KEY/, what);
}

interface Setting {
  readonly server: FakeApiServer;
  /** The built program, or one in this process, which shares the test's standard output. */
  readonly proxy: RunningProgram | ProxyProcess;
  readonly path: string;
  readonly directory: string;
}

type Contents = Partial<KubeconfigContents>;

/** The program at trace level with this kubeconfig, in this process or as the built program. */
async function start(
  t: TestContext,
  contents: (server: FakeApiServer) => Contents | Promise<Contents>,
  {
    args = [],
    env = {},
    form = {},
    tokens = {},
    built = false,
  }: {
    readonly args?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly form?: KubeconfigForm;
    readonly tokens?: Record<string, { username: string; groups: string[] }>;
    readonly built?: boolean;
  } = {},
): Promise<Setting> {
  const basic = { [btoa('team:secret-password')]: { username: 'team', groups: masters } };
  const all = { ...tokens, ...basic };
  const server = await startFakeApiServer({ clientCertificates: 'optional', tokens: all });
  t.after(() => server.kill());
  const known = { server: server.url, ca: server.authority.certificate };
  const { path, directory } = await writeKubeconfig({ ...known, ...(await contents(server)) }, form);
  const flags = ['--kubeconfig', path, '--reject-paths=', '--log-level=trace', ...args];
  if (!built) return { server, proxy: await startInProcess(t, flags, env), path, directory };
  const proxy = await startProxyFor(t, flags, env);
  return { server, proxy, path, directory };
}

/** Everything that a client or an operator can read: answers of both legs, the own endpoints, stdout and the log. */
async function assertNothingShows(
  { server, proxy }: Setting,
  secrets: readonly string[],
  what: string,
): Promise<void> {
  for (const leg of bothLegs) {
    assertHidden((await probe(proxy, server, leg)).answer.raw, secrets, `${what}: an answer (${leg})`);
  }
  for (const path of ['/-/metrics', '/-/readyz?verbose', '/-/livez?verbose', '/-/', '/-/config']) {
    const { text, rawHeaders } = await sendPlain(proxy.port, path);
    assertHidden(text + rawHeaders.join(), secrets, `${what}: ${path}`);
  }
  assertHidden(proxy.stderr(), secrets, `${what}: the log`);
  if ('stdout' in proxy) assertHidden(proxy.stdout(), secrets, `${what}: stdout`);
}

/** Checks the program in use, after a broken edit, with 401s of the API server, with the API server down, and at the end. */
async function assertHiddenAllAlong(setting: Setting, secrets: readonly string[]): Promise<void> {
  const { server, proxy, path } = setting;
  await assertNothingShows(setting, secrets, 'in use');
  const intact = await readFile(path, 'utf8');
  await writeFile(path, `${intact}\n  token: [${secrets.join('}')}: {`);
  const complained = () => proxy.log().some(({ msg }) => String(msg).startsWith('configuration cannot'));
  await eventually('a line in the log', complained);
  await assertNothingShows(setting, secrets, 'after a broken edit');
  const refuse = server.intercept((_request, response) => {
    response.writeHead(401, { 'Content-Type': 'text/plain' }).end('no');
    return true;
  });
  await assertNothingShows(setting, secrets, 'when refused');
  refuse();
  await server.kill();
  await assertNothingShows(setting, secrets, 'without an API server');
  await proxy.stop();
  assertHidden(proxy.stderr() + ('stdout' in proxy ? proxy.stdout() : ''), secrets, 'the end');
}

describe('secrets never show, at --log-level=trace:', { concurrency: 6 }, () => {
  test('a token and the key of a client certificate in the kubeconfig', async t => {
    const token = 'secret-token-of-kubeconfig';
    const secrets = [token];
    const contents = async ({ authority }: FakeApiServer): Promise<Contents> => {
      const pair = await authority.client();
      secrets.push(pair.key);
      return { ...pair, token };
    };
    const tokens = { [token]: { username: 'one', groups: masters } };
    const setting = await start(t, contents, { tokens, built: true });
    const { authorization, commonName } = await probe(setting.proxy, setting.server);
    assert.deepEqual([authorization, commonName], [`Bearer ${token}`, 'admin']);
    await assertHiddenAllAlong(setting, secrets);
  });

  test('a tokenFile and the key of a client certificate in a file, which become unusable too', async t => {
    const token = 'secret-token-of-a-file';
    const secrets = [token, 'secret-second-line'];
    const { directory } = await writeKubeconfigFolder();
    const [tokenFile, keyFile] = [join(directory, 'token'), join(directory, 'client.key')];
    await writeFile(tokenFile, token);
    const contents = async ({ authority }: FakeApiServer): Promise<Contents> => {
      const pair = await authority.client();
      secrets.push(pair.key);
      return { ...pair, user: { tokenFile: 'token' } };
    };
    const tokens = { [token]: { username: 'one', groups: masters } };
    const setting = await start(t, contents, { tokens, form: { directory, credentials: 'files' } });
    assert.equal((await probe(setting.proxy, setting.server)).commonName, 'admin');
    for (const [file, broken, problem] of [
      [tokenFile, `${token}\nsecret-second-line`, /a token cannot have/],
      [keyFile, (await readFile(keyFile, 'utf8')).replace('MI', 'IM'), /client\.key/],
    ] as const) {
      const intact = await readFile(file, 'utf8');
      await writeFile(file, broken);
      await eventually('a line in the log', () => problem.test(setting.proxy.stderr()));
      await assertNothingShows(setting, secrets, 'after a broken write');
      await writeFile(file, intact);
    }
    await assertHiddenAllAlong(setting, secrets);
  });

  test('the input and the output of an exec plugin, even if it cannot be used', async t => {
    const plugin = await writeExecPlugin();
    t.after(() => plugin.remove());
    const token = 'secret-token-of-plugin';
    const secrets = [token, 'secret-of-args', 'secret-of-env', 'secret-of-extension', 'secret-of-inherited'];
    secrets.push('secret-of-stdout', 'secret-of-stderr');
    const answer = { kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1' };
    await plugin.write(JSON.stringify({ ...answer, status: { token: 'secret-of-stdout\n' } }));
    await plugin.complain('Authorization: Bearer secret-of-stderr\n{"token": "secret-of-stderr"}\n');
    const exec = plugin.exec({
      args: ['--password=secret-of-args'],
      env: [{ name: 'SECRET', value: 'secret-of-env' }],
      provideClusterInfo: true,
    });
    const extension = { audience: 'secret-of-extension' };
    const extensions = [{ name: 'client.authentication.k8s.io/exec', extension }];
    const env = { INHERITED: 'secret-of-inherited' };
    const setting = await start(t, () => ({ user: { exec }, cluster: { extensions } }), { env, built: true });
    const { proxy, server } = setting;
    assert.equal((await probe(proxy, server)).code, 503);
    await assertNothingShows(setting, secrets, 'a failing plugin');

    const { certificate, key } = await server.authority.client({ commonName: 'of-plugin' });
    secrets.push(key);
    await plugin.complain('a line for the log\n');
    await plugin.answer({ token, clientCertificateData: certificate, clientKeyData: key });
    await eventually('recovery', async () => (await probe(proxy, server)).commonName === 'of-plugin');
    assert.equal((await probe(proxy, server)).authorization, `Bearer ${token}`);
    assert.match(JSON.stringify(plugin.infos()), /secret-of-extension/);
    await eventually('its line in the log', () => /a line for the log/.test(proxy.stderr()));
    await assertHiddenAllAlong(setting, secrets);
  });

  test("clients' own credentials, in headers, URLs and subprotocols", async t => {
    const setting = await start(t, async server => server.authority.client(), { built: true });
    const { proxy, server } = setting;
    const secrets = ['secret-of-client-header', 'secret-of-query', 'secret-of-authority', 'secret-of-cookie'];
    const subprotocol = Buffer.from('secret-of-subprotocol').toString('base64url');
    secrets.push('secret-of-subprotocol');
    const headers = [
      ...['Authorization: Bearer secret-of-client-header', 'Cookie: session=secret-of-cookie'],
      ...['Proxy-Authorization: Basic secret-of-client-header', 'X-Api-Key: secret-of-client-header'],
    ];
    // What a body holds, what a rule rejects, and what the API server answers.
    const json = '{"stringData":{"p":"secret-of-client-header"}}';
    const secretsPath = '/api/v1/namespaces/default/secrets';
    await sendPlain(proxy.port, secretsPath, { method: 'POST', body: json });
    await sendPlain(proxy.port, `${secretsPath}/credentials`);
    await sendPlain(proxy.port, '/a/../b?token=secret-of-query');
    await sendPlain(proxy.port, '/api?token=secret-of-query', { headers: { host: 'evil.example' } });
    for (const down of [false, true]) {
      if (down) await server.kill();
      for (const leg of bothLegs) {
        const target = '/api/v1/namespaces/default/pods/missing/exec?token=secret-of-query';
        const offer = [`Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${subprotocol}`];
        const more = leg === 'plain' ? [] : offer;
        const answer = await send(proxy.port, { leg, target, headers: [...headers, ...more] });
        assert.ok(answer.code >= 400);
        assertHidden(answer.raw, secrets, `an answer (${leg})`);
        await send(proxy.port, { leg, target: 'http://u:secret-of-authority@127.0.0.1/version', headers });
      }
    }
    await exchangeRaw(
      proxy.port,
      'GET /x HTTP/1.1\r\nAuthorization: Bearer secret-of-client-header\r\nBad Header\r\n\r\n',
    );
    await assertNothingShows(setting, secrets, 'requests of clients');
  });
});

/** A folder with a kubeconfig that has a token in it. */
const writeKubeconfigFolder = () =>
  writeKubeconfig({ server: 'https://127.0.0.1:1', token: 'secret-in-yaml' });
