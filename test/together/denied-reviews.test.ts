import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { send } from '../e2e/leg.js';
import { as, deny, startWebhookGateway } from '../support/proxy/webhook-gateway.js';

const { proxy, webhook } = await startWebhookGateway({ after }, '--authorization-config');

test('/-/rules says what a webhook decides', async () => {
  webhook.decide = ({ nonResourceAttributes }) =>
    nonResourceAttributes?.path === '/version' ? deny('closed') : 400;
  webhook.take();
  const { body } = await send(proxy.port, {
    target: '/-/rules?request=GET%20/version&request=GET%20/healthz&request=GET%20/api',
    headers: as('alice'),
  });
  const message = 'forbidden: User "alice" cannot get path "/version": closed';
  const [closed, failed, unasked] = JSON.parse(body).requests;
  assert.deepEqual(closed, { request: 'GET /version', allowed: false, reason: 'webhook_denied', message });
  assert.deepEqual([failed.allowed, failed.reason], [false, 'webhook_error']);
  assert.deepEqual([unasked.allowed, unasked.reason], [false, 'webhook_error']);
  assert.deepEqual(JSON.parse(body).alsoDecide, ['the authorization webhooks of --authorization-config']);
  assert.deepEqual(webhook.take(), ['alice get /version', 'alice get /healthz', 'alice get /api']);
});

/** Asks as `kubectl auth can-i` does. */
async function canI(headers: readonly string[], spec: object) {
  const body = JSON.stringify({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec,
  });
  const answer = await send(proxy.port, {
    ...{ method: 'POST', target: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', rest: body },
    headers: [...headers, 'Content-Type: application/json', `Content-Length: ${body.length}`],
  });
  assert.equal(answer.code, 201, answer.body);
  return JSON.parse(answer.body).status;
}

test('kubectl auth can-i says no where a webhook denies what the API server allows, also of the user that the caller acts as', async () => {
  const list = { resourceAttributes: { verb: 'list', resource: 'pods', namespace: 'shop' } };
  const version = { nonResourceAttributes: { verb: 'get', path: '/version' } };
  const message = (user: string) =>
    `pods is forbidden: User "${user}" cannot list resource "pods" in API group "" in the namespace "shop": not there`;
  webhook.decide = ({ resourceAttributes: { namespace = '' } = {} as never }) =>
    namespace === 'shop' ? deny('not there') : {};
  for (const [headers, user] of [
    [as('alice'), 'alice'],
    [as('alice', 'Accept: application/vnd.kubernetes.protobuf', 'Accept-Encoding: gzip'), 'alice'],
    [as('lead', 'Impersonate-User: carol'), 'carol'],
  ] as const) {
    const { allowed, denied, reason } = await canI(headers, list);
    assert.deepEqual([allowed, denied, reason], [false, true, message(user)]);
    assert.equal((await canI(headers, version)).allowed, true);
  }
  const asked = webhook.asked.find(({ resourceAttributes }) => resourceAttributes?.namespace === 'shop');
  assert.deepEqual(asked?.resourceAttributes, { ...list.resourceAttributes, version: '*' });
  // The API server's own no stays as it is.
  const { allowed, denied = false } = await canI(as('nobody'), {
    resourceAttributes: { verb: 'list', resource: 'pods' },
  });
  assert.deepEqual([allowed, denied], [false, false]);
  webhook.decide = ({ nonResourceAttributes }) => (nonResourceAttributes === undefined ? {} : 400);
  const failed = await canI(as('alice'), version);
  assert.equal(failed.allowed, false);
  assert.equal(failed.evaluationError, 'the webhook answered 400');
});
