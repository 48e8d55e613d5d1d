import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Clock } from '../../../../src/lib/clock.js';
import { bothLegs, health, passed, probe } from '../../../e2e/credential-probe.js';
import { assertStatus } from '../../../e2e/leg.js';
import { send } from '../../../support/clients/http-client.js';
import { eventually } from '../../../support/eventually.js';
import type {
  FakeApiServer,
  FakeApiServerOptions,
} from '../../../support/fake-api-server/fake-api-server.js';
import { proxyToken } from '../../../support/identities/two-users.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { type GatewayOptions, startGateway } from '../../../support/proxy/stack.js';

const robot = {
  username: 'system:serviceaccount:shop:robot',
  uid: '4-2',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:shop'],
  extra: {
    'authentication.kubernetes.io/credential-id': ['JTI=1'],
    'authentication.kubernetes.io/pod-name': ['web-0'],
    // EKS
    accessKeyId: ['ASIA1'],
  },
};

/** A gateway in this process whose API server reviews tokens. */
function start(t: TestContext, { flags = [], clock, ...others }: GatewayOptions & { clock?: Clock } = {}) {
  const run: typeof startInProcess = (scope, programArgs, env) =>
    startInProcess(scope, programArgs, env, { ...(clock && { clock }) });
  return startGateway(t, { run, flags: ['--authentication-token-webhook', ...flags], ...others });
}

function bearer(token: string): string[] {
  return [`Authorization: Bearer ${token}`];
}

function reviews(server: FakeApiServer): number {
  return server.requests.filter(({ rawUrl }) => rawUrl.endsWith('/tokenreviews')).length;
}

describe('tokens of the cluster', { concurrency: 4 }, () => {
  test('are reviewed once, and act as the user that the API server names; unknown ones get a 401, reserved users a 403', async t => {
    // A failure is remembered for ten seconds, which a busy machine may take for a leg.
    const { server, tokens, proxy } = await start(t, {
      clock: new ManualClock(Date.now()),
      server: { allow: user => user.username === 'proxy' || user.username === robot.username },
    });
    tokens['sa-token'] = robot;
    for (const leg of bothLegs) {
      const { code, arrived, answer } = await probe(proxy, server, leg, { headers: bearer('sa-token') });
      assert.equal(code, passed(leg), answer.raw);
      const { rawHeaders = [] } = arrived.at(-1) ?? {};
      const identity = rawHeaders.filter((_, index) =>
        /^(impersonate-|authorization)/i.test(rawHeaders[index - (index % 2)] ?? ''),
      );
      assert.deepEqual(identity, [
        ...['Authorization', `Bearer ${proxyToken}`, 'Impersonate-User', robot.username],
        ...['Impersonate-Uid', '4-2', 'Impersonate-Group', 'system:serviceaccounts'],
        ...['Impersonate-Group', 'system:serviceaccounts:shop', 'Impersonate-Group', 'system:authenticated'],
        ...['Impersonate-Extra-Authentication.kubernetes.io%2fcredential-Id', 'JTI=1'],
        ...['Impersonate-Extra-Authentication.kubernetes.io%2fpod-Name', 'web-0'],
        ...['Impersonate-Extra-Access%4bey%49d', 'ASIA1'],
      ]);
    }
    assert.equal(reviews(server), 1);
    const { text } = await send(proxy.port, '/-/metrics', { headers: { authorization: 'Bearer sa-token' } });
    for (const line of [
      'kube_api_proxy_authentication_attempts_total{method="token_review",result="success"} 3',
      'kube_api_proxy_authentication_token_cache_requests_total{status="hit"} 2',
      'kube_api_proxy_authentication_token_cache_requests_total{status="miss"} 1',
      'kube_api_proxy_token_review_duration_seconds_count 1',
    ]) {
      assert.ok(text.includes(`${line}\n`), line);
    }
    assert.doesNotMatch(proxy.stderr(), /sa-token|token-of-the-proxy/);

    Object.assign(tokens, {
      admin: { username: 'admin', groups: ['system:masters'] },
      large: { username: 'alice', groups: Array.from({ length: 6_000 }, (_, index) => `g-${index}`) },
    });
    for (const leg of bothLegs) {
      for (const [token, code] of [
        ['unknown', 401],
        ['admin', 403],
        ['large', 403],
      ] as const) {
        const { answer, arrived } = await probe(proxy, server, leg, { headers: bearer(token) });
        assertStatus(answer, code, token);
        assert.equal(arrived.length, 0, token);
      }
    }
    assert.equal(reviews(server), 4, 'failures are remembered too');
  });
});

test('the permission to impersonate is a check of readyz that names what is missing, if callers are authenticated', async t => {
  let may: readonly string[] = ['users', 'groups'];
  const allow: NonNullable<FakeApiServerOptions['allow']> = ({ username }, { verb, resource }) =>
    /^self/.test(resource) || (username === 'proxy' && verb === 'impersonate' && may.includes(resource));
  const { server, proxy } = await start(t, { server: { allow } });
  await eventually('the warning', () => /callers cannot be impersonated/.test(proxy.stderr()));
  const first = await health(proxy, 'readyz');
  assert.equal(first.status, 500);
  assert.match(
    first.text,
    /\[-\]impersonation failed: the proxy's identity may not impersonate uids \(authentication\.k8s\.io\), userextras\/authentication\.kubernetes\.io\/credential-id/,
  );
  may = ['users', 'groups', 'uids', 'userextras'];
  await eventually('the check', async () => (await health(proxy, 'readyz')).status === 200);
  const reviewsOfAccess = () => server.requests.filter(({ rawUrl }) => /selfsubject/.test(rawUrl)).length;
  const asked = reviewsOfAccess();
  for (let index = 0; index < 20; index++) await health(proxy, 'readyz');
  assert.equal(reviewsOfAccess(), asked, 'the finding is shared');
  const open = await startGateway(t, { server });
  assert.doesNotMatch((await health(open.proxy, 'readyz')).text, /impersonation/);
  assert.equal(reviewsOfAccess(), asked);
});
