import assert from 'node:assert/strict';
import { eventually } from '../../../../support/eventually.js';
import { test } from '../../../../support/kube-apiserver/api-server-test.js';
import { startOwnApiServer } from '../../../../support/kube-apiserver/run.js';
import {
  changes,
  createConfigMap,
  startSharingGateway,
} from '../../../../support/kube-apiserver/sharing-gateway.js';
import { queryOf } from '../../../../support/proxy/watched-namespace.js';
import { type AskedSpec, AskedWebhook } from '../../../../support/upstreams/asked-webhook.js';

type Requirements = NonNullable<
  NonNullable<AskedSpec['resourceAttributes']>['labelSelector']
>['requirements'];

/** Whether a selector has one requirement alone, which is this one. */
const isOnly = (requirements: Requirements = [], key: string, value: string) =>
  requirements.length === 1 &&
  requirements[0]?.key === key &&
  requirements[0].operator === 'In' &&
  requirements[0].values?.join() === value;

/** What the webhook lets users watch, by the selectors that it sees. */
const rules: Readonly<Record<string, (asked: NonNullable<AskedSpec['resourceAttributes']>) => boolean>> = {
  all: () => true,
  field: ({ fieldSelector }) => isOnly(fieldSelector?.requirements, 'metadata.name', 'b2'),
  label: ({ labelSelector }) => isOnly(labelSelector?.requirements, 'app', 'one'),
  // A condition in CEL sees the selectors of this one, and the webhook allows all that it is asked.
  condition: () => true,
};

/** Conditions of the webhook: it has no opinion on what does not match. */
const condition = `request.user != 'condition' || !has(request.resourceAttributes) ||
  request.resourceAttributes.resource != 'configmaps' ||
  has(request.resourceAttributes.labelSelector) && request.resourceAttributes.labelSelector.requirements.exists(
    r, r.key == 'app' && r.operator == 'In' && r.values == ['one'])`;

const users = Object.keys(rules);
const others = users.slice(1);
const one = 'labelSelector=app%3Done';
const b2 = 'fieldSelector=metadata.name%3Db2';
const queries = [
  '',
  // Both of each, other spellings of the same, what only looks like it, and repeated ones: authorizers see the first one of each, and the
  // handler takes the first one too.
  ...`${one} ${b2} ${one}&${b2} ${b2}&${one}
    labelSelector=app%3D%3Done labelSelector=app+in+%28one%29 labelSelector=%61pp=one
    labelSelector=app%3Done%2C labelSelector=app%3Done%2Capp%3Done labelSelector=app%3Done%2Cx%21%3Dy
    labelSelector=app+in+%28one%2Cother%29 labelSelector=app%21%3Dother labelSelector=app labelselector=app%3Done
    fieldSelector=metadata.name%3D%3Db2 fieldSelector=metadata.name%3Db2%2C fieldSelector=metadata.name%21%3Da1
    ${one}&labelSelector= labelSelector=&${one} ${b2}&fieldSelector= fieldSelector=&${b2}
    labelSelector=app%3Done%26 labelSelector=app%3Done;x fieldSelector=metadata.name
    labelSelector=app%20one`.split(/\s+/),
];

test('users whom an authorizer lets watch by selectors alone join exactly where it lets them watch the same directly', async (t, run) => {
  const webhook = await AskedWebhook.start(t, {
    matchConditions: [{ expression: condition }],
    failurePolicy: 'NoOpinion',
  });
  webhook.decide = ({ user = '', resourceAttributes: asked }) => {
    if (asked?.verb === 'create' && asked.resource.startsWith('self')) return { allowed: true };
    return { allowed: asked?.resource === 'configmaps' && rules[user]?.(asked) === true };
  };
  const { server } = await startOwnApiServer(t, run, { authorizers: webhook.file });
  const gateway = await startSharingGateway(t, server, users);
  const namespace = await server.createNamespace();
  const from = await createConfigMap(server, namespace, 'z');
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const deprecated = `/api/v1/watch/namespaces/${namespace}/configmaps`;
  const targets = [
    ...queries.map(query => `${path}?${queryOf({ from, query: `&${query}` }, from)}`),
    ...['', one, b2].flatMap(query => [
      `${path}?${queryOf({ initial: true, query: `&${query}` }, from)}`,
      `${deprecated}?resourceVersion=${from}&${query}`,
    ]),
  ];
  const watch = async (user: string, target: string) => ({
    ...(await gateway.both(user, target)),
    isInitial: target.includes('sendInitialEvents'),
    ...{ user, target, isCommon: !target.startsWith(deprecated) && !target.includes(';') },
  });
  const pairs: Awaited<ReturnType<typeof watch>>[] = [];
  for (const target of targets) {
    // Each of the others finds a watch to join.
    pairs.push(await watch('all', target));
    pairs.push(...(await Promise.all(others.map(user => watch(user, target)))));
  }
  const joins = await gateway.joins();
  for (const name of ['a1', 'b2', 'c1']) await createConfigMap(server, namespace, name);
  await server.admin.do('PATCH', `${path}/z`, { metadata: { labels: { app: 'one' } } });
  await server.admin.do('DELETE', `${path}/b2`);
  for (const { user, target, shared, direct } of pairs) {
    const what = `${user} ${target}`;
    assert.equal(shared.status, direct.status, what);
    if (direct.status === 200) await eventually(what, () => changes(shared) === changes(direct));
    else {
      await Promise.all([shared.ended, direct.ended]);
      assert.equal(shared.bytes().toString(), direct.bytes().toString(), what);
    }
  }
  const common = pairs.filter(({ isCommon }) => isCommon);
  const allowed = common.filter(({ direct }) => direct.status === 200);
  const joined = allowed.filter(({ user, isInitial }) => isInitial || user !== 'all');
  assert.equal((joins['ring'] ?? 0) + (joins['initial'] ?? 0), joined.length);
  const refused = common.filter(({ direct }) => direct.status === 403);
  assert.equal(joins['refused'], refused.filter(({ isInitial }) => !isInitial).length);
  for (const user of others) {
    const statuses = new Set(common.filter(one => one.user === user).map(({ direct }) => direct.status));
    assert.ok(statuses.has(200) && statuses.has(403), user);
  }
});
