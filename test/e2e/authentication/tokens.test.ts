import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, describe, type TestContext, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { send } from '../../support/clients/http-client.js';
import { type Arrival, embeddedApiServer } from '../../support/embedded-api-server.js';
import { eventually } from '../../support/eventually.js';
import { twoUsers } from '../../support/identities/two-users.js';
import { type GatewayOptions, startGateway } from '../../support/proxy/stack.js';
import { bothLegs, passed, probe } from '../credential-probe.js';
import { assertStatus, send as sendRaw } from '../leg.js';

const alice = 'Authorization: Bearer alice-token';
const bob = 'Authorization: Bearer bob-token';

const server = await embeddedApiServer({ after });

/** A gateway in this process that knows alice and bob. */
function start(t: TestContext, options: Omit<GatewayOptions, 'run' | 'server'> = {}) {
  return startGateway(t, { tokenFile: twoUsers, ...options, server });
}

/** Asserts that the last of these requests was sent by the proxy, as alice. */
function assertActsAsAlice(arrived: readonly Arrival[]): void {
  const { user, impersonated } = arrived.at(-1) ?? {};
  assert.equal(user?.username, server.proxyName);
  assert.deepEqual(impersonated, { username: 'alice', groups: ['dev', 'system:authenticated'] });
}

describe('callers with a token', { concurrency: 4 }, () => {
  test('act under their own name, and the API server decides about their rights', async t => {
    const { proxy } = await start(t);
    for (const leg of bothLegs) {
      const allowed = await probe(proxy, server, leg, { headers: [alice] });
      assert.equal(allowed.code, passed(leg), allowed.answer.raw);
      assertActsAsAlice(allowed.arrived);
      const refused = await probe(proxy, server, leg, { headers: [bob] });
      assert.match(assertStatus(refused.answer, 403, leg), /^pods "web-0" is forbidden: User "bob" cannot /);
    }
    const lines = () => proxy.log().filter(({ msg, resource }) => msg === 'request' && resource === 'pods');
    await eventually('the lines', () => lines().length === 4);
    assert.deepEqual(
      lines()
        .map(({ user }) => user)
        .sort(),
      ['alice', 'alice', 'bob', 'bob'],
    );
    assert.doesNotMatch(proxy.stderr(), /alice-token|bob-token/);
    const { text } = await send(proxy.port, '/-/metrics', { headers: { authorization: 'Bearer bob-token' } });
    assert.match(text, /_authentication_attempts_total\{method="(?!none)\w+",result="success"\} 5\n/);
  });

  test('get a 401 with a challenge without a valid token, and nothing goes upstream', async t => {
    const { proxy } = await start(t);
    // test/authentication/bearer-token.test.ts has all spellings.
    const attempts = [[], ['Authorization: Bearer alice-token2'], ['Cookie: token=alice-token']];
    for (const leg of bothLegs) {
      for (const headers of attempts) {
        const { answer, arrived } = await probe(proxy, server, leg, { headers });
        assert.match(
          assertStatus(answer, 401, headers.join()),
          /^Unauthorized: .*Authorization: Bearer TOKEN/,
        );
        assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="kube-api-proxy"');
        assert.equal(arrived.length, 0);
      }
      const target = '/api/v1/namespaces/default/pods?access_token=alice-token&token=alice-token';
      assertStatus(await sendRaw(proxy.port, { leg, target }), 401, target);
    }
    const metrics = await send(proxy.port, '/-/metrics', {
      headers: { authorization: 'Bearer alice-token' },
    });
    const reason = 'kube_api_proxy_rejected_requests_total{reason="unauthenticated"}';
    assert.ok(metrics.text.includes(`${reason} ${2 * (attempts.length + 1)}\n`), metrics.text);
  });

  test('need it everywhere except at the probes, and after the check of the host', async t => {
    const { proxy } = await start(t, { flags: ['--www=src', '--www-prefix=/app/'] });
    for (const target of ['/-/livez', '/-/readyz', '/-/readyz?verbose', '/-/livez?x=/-/metrics']) {
      assert.equal((await send(proxy.port, target)).status, 200, target);
    }
    for (const target of [
      ...['/-/metrics', '/-/metrics?/-/livez', '/-/livez/', '/-/livez/../metrics', '/-/nothing'],
      ...['/-//livez', '/-/Livez', '/-/%6civez', '/app/', '/app/main.ts', '/app/-/livez', '/', '/version'],
      ...['/livez', '/healthz', '/api/-/livez', '//-/livez'],
    ]) {
      const { status } = await send(proxy.port, target);
      assert.ok(status === 401 || (status === 400 && target.includes('..')), `${target}: ${status}`);
    }
    const asAlice = { headers: { authorization: 'Bearer alice-token' } };
    for (const target of ['/-/metrics', '/app/main.ts', '/version']) {
      assert.equal((await send(proxy.port, target, asAlice)).status, 200, target);
    }
    for (const headers of [{ host: 'evil.example' }, { host: 'evil.example', ...asAlice.headers }]) {
      assert.equal((await send(proxy.port, '/api', { headers })).status, 403);
    }
  });
});

test('authentication of callers and impersonation cannot both come from an edit of the kubeconfig: the last good one stays in use', async t => {
  const { proxy, kubeconfig } = await start(t);
  const edited = parse(await readFile(kubeconfig, 'utf8')) as { users: { user: object }[] };
  Object.assign(edited.users[0]?.user ?? {}, { as: 'jane' });
  await writeFile(kubeconfig, stringify(edited));
  await eventually('the error line', () => /impersonate the authenticated callers/.test(proxy.stderr()));
  for (const leg of bothLegs) {
    const { code, arrived } = await probe(proxy, server, leg, { headers: [alice] });
    assert.equal(code, passed(leg));
    assertActsAsAlice(arrived);
  }
  const { text } = await send(proxy.port, '/-/metrics', { headers: { authorization: 'Bearer alice-token' } });
  assert.match(text, /_config_reloads_total\{result="failure"\} 1\n/);
  assert.match(text, /_config_last_reload_successful 0\n/);
});
