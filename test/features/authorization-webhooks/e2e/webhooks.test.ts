import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';
import { health } from '../../../e2e/credential-probe.js';
import { assertStatus, clientRequests, type Leg, legs, send } from '../../../e2e/leg.js';
import { eventually, eventuallyPasses } from '../../../support/eventually.js';
import { scrapeOwn, sumOf } from '../../../support/proxy/own-metric.js';
import { startGateway } from '../../../support/proxy/stack.js';
import { as, deny, startWebhookGateway } from '../../../support/proxy/webhook-gateway.js';
import { AskedWebhook } from '../../../support/upstreams/asked-webhook.js';

const { proxy, server, webhook } = await startWebhookGateway({ after }, '--authorization-config');
const pod = '/api/v1/namespaces/default/pods/web-0';
let seen = 0;
/** The clients' requests that have reached the API server since the last call. */
const reached = () => {
  const all = clientRequests(server);
  const found = all.slice(seen).map(({ method, rawUrl }) => `${method} ${rawUrl}`);
  seen = all.length;
  return found;
};

afterEach(() => {
  webhook.decide = () => ({ allowed: false });
  webhook.take();
  reached();
});

for (const leg of Object.keys(legs) as Leg[]) {
  const isPlain = leg === 'plain';
  const target = isPlain ? pod : `${pod}/exec?command=id&stdout=true`;
  test(`a webhook denies, or fails, in the words of the API server, before anything is sent, on the ${leg} leg; what it allows or has no opinion on, the API server decides`, async () => {
    webhook.decide = () => deny('no <b>');
    const answer = await send(proxy.port, { leg, target, headers: as('alice') });
    const resource = isPlain ? 'pods' : 'pods/exec';
    const message = `pods "web-0" is forbidden: User "alice" cannot get resource "${resource}" in API group "" in the namespace "default": no <b>`;
    assert.equal(assertStatus(answer, 403, leg), message);
    assert.equal(webhook.asked.length, 1);
    const { extra, ...spec } = webhook.asked[0] ?? assert.fail();
    assert.deepEqual(spec, {
      resourceAttributes: {
        ...{ verb: 'get', version: 'v1', resource: 'pods', namespace: 'default', name: 'web-0' },
        ...(!isPlain && { subresource: 'exec' }),
      },
      ...{ user: 'alice', uid: '7', groups: ['dev', 'system:authenticated'] },
    });
    assert.deepEqual(extra, { 'kube-api-proxy/cluster': ['test'] });

    webhook.decide = () => 400;
    const odd = `${target}${isPlain ? '?' : '&'}a=<"`;
    const failed = await send(proxy.port, { leg, target: odd, headers: as('alice') });
    assert.equal(failed.code, 500);
    assert.equal(failed.headers.get('content-type'), 'text/plain; charset=utf-8');
    assert.equal(failed.headers.get('x-content-type-options'), 'nosniff');
    const uri = odd.replaceAll('&', '&amp;').replace('<"', '&lt;\\"');
    assert.equal(failed.body, `Internal Server Error: "${uri}": the webhook answered 400\n`);
    assert.deepEqual(reached(), []);

    for (const status of [{ allowed: true }, { allowed: false, reason: 'perhaps' }]) {
      webhook.decide = () => status;
      const allowed = await send(proxy.port, { leg, target, headers: as('alice') });
      assert.equal(allowed.code, isPlain ? 200 : 101);
      const refused = await send(proxy.port, { leg, target, headers: as('nobody') });
      assert.equal(refused.code, 403);
      assert.doesNotMatch(refused.body, /perhaps/);
    }
    assert.equal(reached().length, 4);
  });
}

test('with --as a webhook is asked about each impersonation as the caller, and then as the user', async () => {
  const asCarol = as(
    'lead',
    'Impersonate-User: carol',
    'Impersonate-Group: ops',
    'Impersonate-Extra-kube-api-proxy%2fcluster: mine',
  );
  for (const leg of ['plain', 'websocket'] as const) {
    webhook.decide = () => ({ allowed: true });
    const target = leg === 'plain' ? '/api/v1/pods' : `${pod}/exec?command=id&stdout=true`;
    assert.equal(
      (await send(proxy.port, { leg, target, headers: asCarol })).code,
      leg === 'plain' ? 200 : 101,
    );
    const own = leg === 'plain' ? ['carol list pods'] : ['carol get pods/exec', 'carol create pods/exec'];
    const carol = webhook.asked.find(({ user }) => user === 'carol');
    assert.deepEqual(carol?.groups, ['ops', 'system:authenticated']);
    assert.notDeepEqual(carol?.extra?.['kube-api-proxy/cluster'], ['mine'], 'nobody can set it');
    const impersonations = [
      'lead impersonate users',
      'lead impersonate groups',
      'lead impersonate userextras/kube-api-proxy/cluster',
    ];
    assert.deepEqual(webhook.take(), [...impersonations, ...own]);
    reached();
  }
  for (const [resource, message] of [
    [
      'users',
      'users "dave" is forbidden: User "lead" cannot impersonate resource "users" in API group "" at the cluster scope: not him',
    ],
    [
      'pods',
      'pods is forbidden: User "dave" cannot list resource "pods" in API group "" at the cluster scope: not him',
    ],
  ] as const) {
    webhook.decide = ({ resourceAttributes }) =>
      resourceAttributes?.resource === resource ? deny('not him') : {};
    const answer = await send(proxy.port, {
      target: '/api/v1/pods',
      headers: as('lead', 'Impersonate-User: dave'),
    });
    assert.equal(assertStatus(answer, 403, resource), message);
    assert.deepEqual(reached(), []);
    await eventually('its line', async () =>
      proxy
        .log()
        .some(
          ({ impersonatedUser, deniedBy }) =>
            deniedBy === 'policy' && (resource === 'users' || impersonatedUser === 'dave'),
        ),
    );
  }
});

test('the log and the metrics say which webhook decides', async () => {
  webhook.decide = ({ nonResourceAttributes }) =>
    nonResourceAttributes?.path === '/version' ? deny('closed') : 400;
  for (const path of ['/version', '/healthz']) {
    await send(proxy.port, { target: path, headers: as('alice') });
    await eventually('its line', async () =>
      proxy.log().some(line => line['path'] === path && line['deniedBy'] === 'policy'),
    );
  }
  const samples = await scrapeOwn(proxy.port, { authorization: 'Bearer alice-token' });
  const labels = { name: 'policy', result: 'success' };
  assert.ok(sumOf(samples, 'kube_api_proxy_authorization_webhook_evaluations_total', labels) > 0);
});

test('readyz warns of a webhook that is down, and of a file that cannot be used any longer', async t => {
  const own = await AskedWebhook.start(t);
  const { proxy } = await startGateway(t, {
    tokenFile: 'alice-token,alice,,\n',
    flags: [`--authorization-config=${own.file}`],
  });
  own.decide = () => 403;
  await send(proxy.port, { target: '/version', headers: as('alice') });
  await own.write({ matchConditions: [{ expression: 'request.secret' }] });
  await eventuallyPasses(async () => {
    const { status, text } = await health(proxy, 'readyz');
    assert.equal(status, 200);
    assert.match(text, /^warn: the authorization webhook policy fails since /m);
    assert.match(text, /^warn: --authorization-config: .*the last valid version of the file stays in use$/m);
  });
});
