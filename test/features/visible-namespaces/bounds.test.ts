import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { send } from '../../support/clients/http-client.js';
import { openWatch, type WatchClient } from '../../support/clients/watch-client.js';
import { eventually } from '../../support/eventually.js';
import { policyOf, type Rule } from '../../support/fake-api-server/rbac.js';
import { twoUsersRules } from '../../support/identities/two-users.js';
import { ManualClock } from '../../support/manual-clock.js';
import { startGateway } from '../../support/proxy/gateway.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { scrapeOwn, sumOf } from '../../support/proxy/own-metric.js';

const users = Array.from({ length: 100 }, (_, at) => `user-${at}`);
const namespace = (name: string) => ({
  ...{ apiVersion: 'v1', kind: 'Namespace', metadata: { name, uid: `uid-of-${name}` } },
});
/** Each user may get the namespace that has the user's name. */
const rulesOf = (user: string): readonly Rule[] =>
  user === 'proxy'
    ? [...twoUsersRules.proxy, { apiGroups: ['*'], resources: ['*'], verbs: ['list', 'watch'] }]
    : [{ apiGroups: [''], resources: ['namespaces'], verbs: ['get'], resourceNames: [user] }];

const scope = { after };
const clock = new ManualClock(Date.now());
const { server, proxy } = await startGateway(scope, {
  run: (t, args, env) => startInProcess(t, args, env, { clock }),
  tokenFile: users.map(user => `${user},${user},,\n`).join(''),
  args: ['--filter-namespaces'],
  server: { allow: policyOf(rulesOf), seed: false },
});
const named = users.slice(0, 2).map(name => ({ name }));
for (const { name } of [...named, { name: 'hidden' }]) server.write(namespace(name));
const path = '/api/v1/namespaces';
const headersOf = (user: string) => ({ authorization: `Bearer ${user}` });
const ask = (target: string, more: object = {}) =>
  send(proxy.port, target, { headers: { ...headersOf('user-0'), ...more } });

describe('a filter of namespaces', () => {
  it('asks nothing for the watches of 100 users while nothing changes', async t => {
    const queries = [
      '',
      '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
    ];
    const watches: WatchClient[] = [];
    t.after(() => {
      for (const watch of watches) watch.close();
    });
    for (const [at, user] of users.entries()) {
      const headers = headersOf(user);
      watches.push(await openWatch(`${proxy.url}${path}?watch=1${queries[at % 2]}`, { headers }));
    }
    for (const { name } of named) await watches[users.indexOf(name)]?.untilNamed(name);
    const count = async () => {
      const samples = await scrapeOwn(proxy.port, headersOf('user-0'));
      const sent = server.requests.filter(
        ({ rawUrl, impersonated }) =>
          rawUrl.includes('selfsubjectaccessreviews') && impersonated !== undefined,
      );
      return {
        watches: sumOf(samples, 'kube_api_proxy_filtered_watches'),
        questions: sumOf(samples, 'kube_api_proxy_namespace_reviews_total'),
        reviews: sent.length,
      };
    };
    const before = await count();
    assert.deepEqual([before.watches, before.reviews], [100, users.length * 3]);
    // Longer than a yes and a no count.
    for (let second = 0; second < 90; second += 1) {
      clock.advance(1_000);
      await turn();
    }
    // A namespace of that name is the same one as long as its uid is.
    server.write({
      ...namespace('user-0'),
      metadata: { ...namespace('user-0').metadata, labels: { a: 'b' } },
    });
    await watches[0]?.until(2);
    assert.deepEqual(await count(), before);
    for (const watch of watches) {
      assert.equal(watch.state(), 'open');
      watch.close();
    }
    await eventually('all are closed', async () => (await count()).watches === 0);
  });

  it('shows those of 5,000 namespaces, and of more none: the 403 says why', async () => {
    const left = 5_000 - server.list('v1', 'Namespace').length;
    for (let at = 0; at < left; at += 1) server.write(namespace(`n-${at}`));
    // A list that selects some is asked about these.
    const some = `${path}?fieldSelector=metadata.name%3Duser-0`;
    const mayList = async () => {
      const spec = { resourceAttributes: { verb: 'list', resource: 'namespaces' } };
      const { json } = await send(proxy.port, '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        method: 'POST',
        headers: { ...headersOf('user-0'), 'content-type': 'application/json' },
        body: JSON.stringify({
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec,
        }),
      });
      return (json as { status: { allowed: boolean } }).status.allowed;
    };
    const refused = async () => (await ask(some)).status === 403;
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    assert.deepEqual([(await ask(some)).status, await mayList()], [200, true]);
    server.write(namespace('one-more'));
    await eventually('there are too many', refused);
    for (const [target, more] of [
      [path, {}],
      [`${path}?watch=1`, {}],
      [`${path}?watch=1`, { ...upgrade, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }],
    ] as const) {
      const { status, text } = await ask(target, more);
      assert.equal(status, 403, text);
      assert.match(text, /"message":"you may not list all namespaces.* at most 5000 namespaces"/);
      assert.doesNotMatch(text, /5001|one-more/);
    }
    assert.equal(await mayList(), false);
    server.remove(namespace('one-more'));
    await eventually('there are few enough', async () => !(await refused()));
  });
});
