import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import type { WatchClient } from '../../../support/clients/watch-client.js';
import { eventually, eventuallyPasses } from '../../../support/eventually.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { eventsOf, FilteringGateway } from '../../../support/kube-apiserver/filtering-gateway.js';
import { startOwnApiServer } from '../../../support/kube-apiserver/run.js';
import { listen } from '../../../support/ports.js';
import { createRandom } from '../../../support/random.js';
import type { Scope } from '../../../support/scope.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const rbac = 'rbac.authorization.k8s.io';
const users = 60;
/** How many namespaces there are. */
const namespaces = Number(process.env['NAMESPACES'] ?? 25);
/** With many, each round compares the lists of other users: a list takes as many requests as there are namespaces. */
const shares = namespaces > 100 ? 3 : 1;
/** Milliseconds that a list may take on a busy machine: it asks about each namespace. */
const patience = 60_000 + namespaces * 250;
/** Milliseconds until a watch shows a change: 15 s, and its questions at 200 a second. */
const delayOf = (questions: number) => 15_000 + questions * 5;

/** Whether the webhook lets a user get a namespace, by rules that only it has. */
const webhookAllows = (user: string, name: string) => /user-\d*7$/.test(user) && /-\d*3-/.test(name);

/** Starts an authorizer for users of its own. Returns the path of its configuration for the API server. */
async function startWebhook(t: Scope): Promise<string> {
  const answer = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const { spec } = (await json(request)) as {
      spec: { user: string; resourceAttributes?: { verb?: string; resource?: string; name?: string } };
    };
    const { verb, resource, name = '' } = spec.resourceAttributes ?? {};
    const allowed = verb === 'get' && resource === 'namespaces' && webhookAllows(spec.user, name);
    response.end(
      JSON.stringify({
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        status: { allowed },
      }),
    );
  };
  const server = http.createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await listen(server);
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const file = join(temporaryFolder(), 'webhook.yaml');
  const cluster = { name: 'w', cluster: { server: `http://127.0.0.1:${port}` } };
  const context = { name: 'w', context: { cluster: 'w', user: 'w' } };
  const users = [{ name: 'w', user: {} }];
  const config = { apiVersion: 'v1', kind: 'Config', clusters: [cluster], users, contexts: [context] };
  await writeFile(file, JSON.stringify({ ...config, 'current-context': 'w' }));
  return file;
}

test('lists and watches show what single requests show, for generated RBAC of 60 users and a webhook, while bindings come and go', async (t, shared) => {
  const config = await startWebhook(t);
  const { server } = await startOwnApiServer(t, shared, {
    flags: [
      // Besides RBAC.
      ...['--authorization-mode=Webhook', `--authorization-webhook-config-file=${config}`],
      ...['--authorization-webhook-version=v1', '--authorization-webhook-cache-authorized-ttl=1ms'],
      '--authorization-webhook-cache-unauthorized-ttl=1ms',
    ],
  });
  const gateway = await FilteringGateway.start(t, server, {
    users: ['boss'],
    flags: ['--allow-impersonation'],
  });
  const { admin } = server;
  const random = createRandom(7);
  const { pick } = random;
  await server.grant(`boss-${gateway.id}`, [
    { apiGroups: [''], resources: ['users', 'groups', 'serviceaccounts'], verbs: ['impersonate'] },
  ]);
  const names = await Promise.all(
    Array.from({ length: namespaces }, (_, at) => gateway.namespace(`n-${at}`)),
  );
  const people = Array.from({ length: users }, (_, at) => ({
    user: at % 5 === 0 ? `system:serviceaccount:${names[at % namespaces]}:robot-${at}` : `user-${at}`,
    group: `g-${at % 9}`,
  }));
  const as = ({ user, group }: (typeof people)[number]) => ({
    'impersonate-user': user,
    'impersonate-group': group,
  });

  // ClusterRoles: all, by names, and one whose rules come from elsewhere, as the controller of aggregated roles writes them.
  const path = `/apis/${rbac}/v1`;
  const get = { apiGroups: [''], resources: ['namespaces'], verbs: ['get'] };
  const roles = {
    all: [get],
    some: [{ ...get, resourceNames: names.slice(0, 5) }],
    aggregated: [] as object[],
    useless: [{ ...get, verbs: ['list'], resourceNames: ['x'] }],
  };
  for (const [name, rules] of Object.entries(roles))
    await admin.do('POST', `${path}/clusterroles`, { metadata: { name: `r-${name}` }, rules });
  const bound: string[] = [];
  let count = 0;
  const bind = async () => {
    count += 1;
    const person = pick(people);
    const [, , of = '', account = ''] = person.user.split(':');
    const subject = pick([
      of === ''
        ? { kind: 'User', apiGroup: rbac, name: person.user }
        : { kind: 'ServiceAccount', namespace: of, name: account },
      { kind: 'Group', apiGroup: rbac, name: person.group },
    ]);
    const roleRef = { apiGroup: rbac, kind: 'ClusterRole', name: `r-${pick(Object.keys(roles))}` };
    const within = random.chance(0.1) ? undefined : pick(names);
    const kind = within === undefined ? 'clusterrolebindings' : `namespaces/${within}/rolebindings`;
    const metadata = { name: `b-${count}` };
    await admin.do('POST', `${path}/${kind}`, { metadata, roleRef, subjects: [subject] });
    bound.push(`${path}/${kind}/b-${count}`);
  };
  const unbind = async () => {
    const [binding] = bound.splice(random.below(bound.length), 1);
    if (binding !== undefined) await admin.do('DELETE', binding);
  };
  for (let at = 0; at < Math.max(60, namespaces / 5); at += 1) await bind();

  let requests = 0;
  /** What single requests show. */
  const expected = async (person: (typeof people)[number]) => {
    const shown = await Promise.all(
      names.map(async name => {
        const answer = await gateway.asAdminAs(`/api/v1/namespaces/${name}`, as(person));
        assert.ok(answer === 200 || answer === 403, String(answer));
        return answer === 200 ? name : undefined;
      }),
    );
    requests += names.length;
    return shown.filter(name => name !== undefined).sort();
  };
  const listed = async (person: (typeof people)[number]) => {
    const { text, status } = await gateway.ask('boss', '/api/v1/namespaces', as(person));
    assert.equal(status, 200, text);
    const { items } = JSON.parse(text) as { items: { metadata: { name: string } }[] | null };
    return (items ?? [])
      .map(({ metadata }) => metadata.name)
      .filter(name => names.includes(name))
      .sort();
  };
  const held = (watch: WatchClient) => {
    const shown = new Set<string>();
    for (const event of eventsOf(watch)) {
      const [type, name = ''] = event.split(' ');
      if (type === 'DELETED') shown.delete(name);
      else if (names.includes(name)) shown.add(name);
    }
    return [...shown].sort();
  };
  const watchers = people.filter((_, at) => at % 6 === 0 || at === 17);
  const watches: { readonly person: (typeof people)[number]; watch: WatchClient }[] = [];
  const open = (person: (typeof people)[number]) => gateway.watch('boss', '', as(person));
  for (const person of watchers)
    await eventuallyPasses(async () => {
      watches.push({ person, watch: await open(person) });
    }, patience);
  let ends = 0;
  /** What the client of a watch holds, which begins again when it is told to. */
  const follow = async (of: (typeof watches)[number]) => {
    if (of.watch.state() === 'open') return held(of.watch);
    const last = of.watch.events().at(-1);
    assert.deepEqual([of.watch.state(), last?.type, last?.object.code], ['end', 'ERROR', 410]);
    ends += 1;
    of.watch = await open(of.person);
    return held(of.watch);
  };

  let visible = 0;
  for (let round = 0; round < 3; round += 1) {
    const single = new Map<string, string>();
    const ask = async (person: (typeof people)[number]) =>
      single.set(person.user, (await expected(person)).join());
    for (const [at, person] of people.entries()) {
      if (at % shares !== round % shares) continue;
      await ask(person);
      await eventuallyPasses(async () => {
        const list = (await listed(person)).join();
        const right = single.get(person.user);
        // The API server itself needs a moment to know of a change.
        if (list !== right) await ask(person);
        assert.equal(list, right, `the list of ${person.user} in round ${round}`);
      }, patience);
      visible += (single.get(person.user) ?? '').split(',').filter(name => name !== '').length;
    }
    for (const watch of watches) {
      const { person } = watch;
      if (!single.has(person.user)) await ask(person);
      const right = single.get(person.user);
      await eventually(
        `the watch of ${person.user} in round ${round} has ${right}`,
        async () => (await follow(watch)).join() === right,
        delayOf(watches.length * namespaces),
      );
    }
    for (let change = 0; change < 8; change += 1) await (random.chance(0.5) ? bind() : unbind());
    roles.aggregated = round % 2 === 0 ? [get] : [];
    await admin.do('PATCH', `${path}/clusterroles/r-aggregated`, { rules: roles.aggregated });
    await admin.do('PATCH', `${path}/clusterroles/r-some`, {
      rules: [{ ...get, resourceNames: names.slice(round, round + 4) }],
    });
  }
  assert.ok(visible > 100 && ends > 10, `${visible} ${ends}`);
  t.diagnostic(
    `${requests} single requests, ${visible} visible namespaces in lists, ${ends} ends of watches`,
  );
  for (const { watch } of watches) watch.close();
});
