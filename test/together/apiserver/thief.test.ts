import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Agent } from 'node:https';
import { legs } from '../../e2e/leg.js';
import { send } from '../../support/clients/http-client.js';
import { helm } from '../../support/documents/helm.js';
import { eventuallyPasses } from '../../support/eventually.js';
import type { ApiServer } from '../../support/kube-apiserver/api-server.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import { chart, Release } from './gateway-release/release.js';

/** A request for a resource, as `deployments/scale`, and the verb that the API server has for it. */
interface Attempt {
  readonly resource: string;
  readonly verb: string;
  readonly method: string;
  readonly path: string;
  readonly headers?: readonly string[];
}

/** An entry of an APIResourceList, and the start of its path. */
interface ListedResource {
  readonly root: string;
  readonly name: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** Each resource and subresource that Kubernetes itself serves here, in each version. */
async function discover({ admin }: ApiServer): Promise<readonly ListedResource[]> {
  const { groups } = (await admin.do('GET', '/apis')) as {
    groups: readonly {
      readonly name: string;
      readonly versions: readonly { readonly groupVersion: string }[];
    }[];
  };
  const roots = groups
    .filter(({ name }) => /^[a-z]+$|\.k8s\.io$/.test(name))
    .flatMap(({ versions }) => versions.map(({ groupVersion }) => `/apis/${groupVersion}`));
  const lists = await Promise.all(
    ['/api/v1', ...roots].map(async root => {
      const { resources } = (await admin.do('GET', root)) as { resources: readonly ListedResource[] };
      return resources.map(resource => ({ ...resource, root }));
    }),
  );
  return lists.flat();
}

/**
 * All that one can try with a resource. What is allowed changes nothing: no such object is there, creations are dry runs, and no watch has such
 * a version.
 */
function attemptsOn({ root, name, namespaced }: ListedResource): Attempt[] {
  const [resource = '', sub] = name.split('/');
  const within = namespaced ? '/namespaces/default' : '';
  const all = `${root}${within}/${resource}`;
  const one = `${all}/no-such${sub === undefined ? '' : `/${sub}`}`;
  const of = (verb: string, method: string, path: string, query = 'dryRun=All'): Attempt => ({
    ...{ resource: `${root.slice(1)} ${name}`, verb, method },
    path: `${path}?${query}`,
  });
  const single = [
    of('get', 'GET', one, ''),
    of('get', 'HEAD', one, ''),
    of('update', 'PUT', one),
    of('patch', 'PATCH', one),
    of('delete', 'DELETE', one),
  ];
  if (sub !== undefined) return [...single, of('create', 'POST', one)];
  return [
    ...single,
    of('list', 'GET', all, 'limit=1'),
    of('list', 'GET', `${root}/${resource}`, 'limit=1'),
    of('watch', 'GET', all, 'watch=1&resourceVersion=none'),
    of('watch', 'GET', `${root}/watch/${resource}`, 'resourceVersion=none'),
    of('create', 'POST', all),
    of('deletecollection', 'DELETE', all, 'dryRun=All&fieldSelector=metadata.name%3Dno-such'),
  ];
}

/** What a GET opens on a Pod that runs, and on what else has such a subresource. */
const connections: readonly Attempt[] = [
  ['pods/exec', '/api/v1/namespaces/default/pods/web-0/exec?command=true&stdout=true'],
  ['pods/attach', '/api/v1/namespaces/default/pods/web-0/attach?stdout=true'],
  ['pods/portforward', '/api/v1/namespaces/default/pods/web-0/portforward?ports=80'],
  ['pods/proxy', '/api/v1/namespaces/default/pods/web-0/proxy/'],
  ['services/proxy', '/api/v1/namespaces/default/services/web/proxy/'],
  ['nodes/proxy', '/api/v1/nodes/node-0/proxy/exec/default/web-0/web?command=true&output=1'],
].flatMap(([resource = '', path = '']) =>
  (['GET', 'POST'] as const).flatMap(method =>
    (['plain', 'websocket', 'spdy'] as const).map(leg => ({
      ...{ resource: `api/v1 ${resource}`, verb: `${method} over ${leg}`, method, path },
      headers: legs[leg].flatMap(line => line.split(': ')),
    })),
  ),
);

const reviews =
  /^apis\/(?:authorization\.k8s\.io\/v1 selfsubject(?:access|rules)|authentication\.k8s\.io\/v1 selfsubject)reviews$/;
/** What no reader may read, whoever reads. */
const unreadable = / (?:secrets|pods\/(?:exec|attach|portforward|proxy)|(?:services|nodes)\/proxy)$/;

/** A user whom the cluster lets do everything, and who is in no group of the system besides. */
async function makeAdministrator({ admin }: ApiServer): Promise<string> {
  const name = `administrator-${randomUUID()}`;
  const apiGroup = 'rbac.authorization.k8s.io';
  await admin.do('POST', `/apis/${apiGroup}/v1/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup, kind: 'User', name }],
  });
  return name;
}

/** Who has the token of a gateway. Each request has these Impersonate-* fields. */
class Thief {
  readonly #port: number;
  readonly #token: string;
  readonly #ca: string;
  readonly #agent: Agent;

  constructor(server: ApiServer, token: string) {
    this.#port = Number(new URL(server.url).port);
    this.#token = token;
    this.#ca = server.authority.certificate;
    this.#agent = new Agent({ ca: this.#ca, keepAlive: true, maxSockets: 16 });
  }

  async tries({ method, path, headers = [] }: Attempt, fields: readonly string[]) {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    // The body of a DELETE would count in place of its query.
    const body = method === 'POST' || method === 'PUT' || method === 'PATCH' ? '{}' : '';
    const own = ['Host', 'localhost', 'Authorization', `Bearer ${this.#token}`, 'Content-Type', type];
    return send(this.#port, path, {
      ...{ method, tls: { ca: this.#ca }, agent: headers.includes('Upgrade') ? false : this.#agent, body },
      headers: [...own, 'Content-Length', String(body.length), ...fields, ...headers],
    });
  }

  /** The attempts that are not refused. */
  async succeedsWith(attempts: readonly Attempt[], fields: readonly string[]): Promise<readonly Attempt[]> {
    const refused = await Promise.all(
      attempts.map(async attempt => (await this.tries(attempt, fields)).status === 403),
    );
    return attempts.filter((_, index) => !refused[index]);
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** The fields of others who are mighty, of more than the role allows, and of nobody: the gateway itself. */
const others = (administrator: string): readonly (readonly string[])[] => [
  [],
  ['Impersonate-User', administrator, 'Impersonate-Group', 'system:masters'],
  ['Impersonate-User', administrator, 'Impersonate-Group', 'system:authenticated'],
  ['Impersonate-User', administrator, 'Impersonate-Uid', '1'],
  ['Impersonate-User', administrator, 'Impersonate-Extra-Scopes', 'all'],
  ['Impersonate-User', 'system:kube-controller-manager'],
  ['Impersonate-User', 'system:node:node-0'],
  ['Impersonate-User', 'system:node:node-0', 'Impersonate-Group', 'system:nodes'],
  ['Impersonate-User', 'system:serviceaccount:kube-system:generic-garbage-collector'],
  ['Impersonate-User', 'system:admin', 'Impersonate-Group', 'system:masters'],
];

const isRead = ({ resource, verb }: Attempt) =>
  /^(?:get|list|watch)$/.test(verb) && !unreadable.test(resource);
const isReview = ({ resource, verb }: Attempt) => verb === 'create' && reviews.test(resource);
const namesOf = (attempts: readonly Attempt[]) =>
  [...new Set(attempts.map(({ resource, verb }) => `${verb} ${resource}`))].sort();

test('whoever steals the token of a gateway that may only read can change nothing, read no Secret and run nothing, as whomever', async (t, server) => {
  if (helm(['version']).code !== 0) return t.skip('helm is not in PATH');
  const administrator = await makeAdministrator(server);
  t.after(() =>
    server.admin.ask('DELETE', `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${administrator}`),
  );
  const resources = await discover(server);
  const attempts = [...resources.flatMap(attemptsOn), ...connections];
  assert.ok(attempts.length > 700, String(attempts.length));
  const as = ['Impersonate-User', administrator];
  const install = async (...values: readonly string[]) => {
    const release = await Release.prepare(server);
    const notes = release.helm('install', 'gw', chart, '--set=callers.mode=everyone', ...values);
    const thief = new Thief(server, await release.token());
    t.after(() => thief.close());
    return { release, notes, thief };
  };
  const version = { resource: '', verb: 'get', method: 'GET', path: '/version' };

  await t.test('today the token can do everything', async () => {
    const { thief, notes } = await install();
    assert.match(notes, /as good as an administrator/);
    await eventuallyPasses(async () => assert.equal((await thief.tries(version, as)).status, 200));
    assert.deepEqual(await thief.succeedsWith(attempts, as), attempts);
  });

  const constrained = ['--set=rbac.impersonation=constrained', '--set=rbac.acts=readOnly'];
  const { release, notes, thief } = await install(...constrained);
  const proxy = await release.start(t);
  const ca = Buffer.from((await release.certificate())['ca.crt'] ?? '', 'base64').toString();
  const readyz = () => send(proxy.port, '/-/readyz?verbose', { tls: { ca }, headers: { host: 'localhost' } });
  if (server.minorVersion < 36) {
    await t.test(
      'an API server that has no constrained impersonation lets it do nothing, and readyz says why',
      async () => {
        assert.match(
          notes,
          /WARNING: rbac\.impersonation is `constrained`, which Kubernetes v1\.34\S* has not got/,
        );
        await eventuallyPasses(async () => {
          const { status, text } = await readyz();
          assert.equal(status, 500);
          assert.match(
            text,
            /impersonation failed: this API server has no constrained impersonation \(Kubernetes 1\.36\)/,
          );
        });
        assert.deepEqual(await thief.succeedsWith([version, ...attempts], as), []);
      },
    );
    return;
  }

  await t.test('it reads, and asks about itself, but no more', async () => {
    assert.doesNotMatch(notes, /WARNING: (?:rbac|callers)/);
    await eventuallyPasses(async () => {
      const { status, text } = await readyz();
      assert.equal(status, 200, text);
    });
    const succeeded = await thief.succeedsWith(attempts, as);
    assert.deepEqual(namesOf(succeeded.filter(attempt => !isRead(attempt) && !isReview(attempt))), []);
    assert.equal(namesOf(succeeded.filter(isReview)).length, 3);
    const readable = resources
      .filter(({ verbs }) => verbs.includes('get'))
      .flatMap(attemptsOn)
      .filter(isRead);
    assert.deepEqual(namesOf(succeeded.filter(isRead)), namesOf(readable));
    t.diagnostic(
      `${attempts.length} requests, ${succeeded.length} not refused, ${new Set(readable.map(({ resource }) => resource)).size} resources read`,
    );
  });

  await t.test('and no more as anybody else, as more than one may be, or as nobody', async () => {
    const forbidden = attempts.filter(
      attempt =>
        !isRead(attempt) &&
        !isReview(attempt) &&
        /^api\/v1 (?:secrets|pods|pods\/\w+|nodes\/proxy|namespaces|serviceaccounts\/token)$| clusterrolebindings$/.test(
          attempt.resource,
        ),
    );
    assert.ok(forbidden.length > 50, String(forbidden.length));
    for (const fields of others(administrator))
      assert.deepEqual(namesOf(await thief.succeedsWith(forbidden, fields)), [], fields.join());
  });
});
