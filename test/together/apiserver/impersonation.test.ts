import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { impersonationHeaders } from '../../../src/kubernetes/impersonation.js';
import type { CertificatePair } from '../../support/certificates/certificates.js';
import { type KubectlResult, kubectl } from '../../support/clients/kubectl.js';
import { eventually, eventuallyPasses } from '../../support/eventually.js';
import type { Rule } from '../../support/fake-api-server/rbac.js';
import type { ApiServer } from '../../support/kube-apiserver/api-server.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import { AuditLog, type EventUser } from '../../support/kube-apiserver/audit-log.js';
import { projectFile } from '../../support/project.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { type Difference, differences, type Verdict } from './impersonation/differences.js';
import { combinations, type Names, type Question, rulesOf, spellings } from './impersonation/questions.js';

/** Who asks: a user of a client certificate, or a service account by its token. */
interface Caller {
  readonly name: string;
  readonly certificate?: CertificatePair;
  readonly token?: string;
}

const everybody = [{ apiGroups: ['*'], resources: ['*'], verbs: ['impersonate'] }];
const review = Buffer.from('{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}');

/** The callers: two with the rights of `rulesOf`, one of them a service account, one with all rights, and one with none. */
async function makeCallers(server: ApiServer, names: Names): Promise<readonly Caller[]> {
  const id = randomUUID();
  const { namespace } = names;
  const robot = {
    apiGroups: [''],
    resources: ['serviceaccounts'],
    verbs: ['impersonate'],
    resourceNames: ['robot'],
  };
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await server.admin.do('POST', accounts, { metadata: { name: 'lead' } });
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  const { status } = (await server.admin.do('POST', `${accounts}/lead/token`, request)) as {
    readonly status: { readonly token: string };
  };
  const account = `system:serviceaccount:${namespace}:lead`;
  const rbac = 'rbac.authorization.k8s.io';
  const roles = `/apis/${rbac}/v1/namespaces/${namespace}`;
  await server.admin.do('POST', `${roles}/roles`, { metadata: { name: 'lead' }, rules: [robot] });
  await server.admin.do('POST', `${roles}/rolebindings`, {
    metadata: { name: 'lead' },
    roleRef: { apiGroup: rbac, kind: 'Role', name: 'lead' },
    subjects: [`lead-${id}`, account].map(name => ({ apiGroup: rbac, kind: 'User', name })),
  });
  const spec = {
    user: account,
    resourceAttributes: { namespace, resource: 'serviceaccounts', verb: 'impersonate', name: 'robot' },
  };
  await eventually('the rights in the namespace', async () => {
    const reviews = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    const answer = (await server.admin.do('POST', reviews, { spec })) as { status: { allowed: boolean } };
    return answer.status.allowed;
  });
  await server.grant(`lead-${id}`, rulesOf(names));
  await server.grant(account, rulesOf(names));
  await server.grant(`all-${id}`, everybody);
  const certificateOf = async (name: string): Promise<Caller> => ({
    name,
    certificate: await server.authority.client({ commonName: name, organizations: ['dev'] }),
  });
  return [
    await certificateOf(`lead-${id}`),
    await certificateOf(`all-${id}`),
    await certificateOf(`none-${id}`),
    { name: account, token: status.token },
  ];
}

async function startGateway(t: TestContext, server: ApiServer) {
  const folder = temporaryFolder();
  const write = async (name: string, content: string) => {
    const path = join(folder, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  };
  const proxyName = `proxy-${randomUUID()}`;
  await server.grant(proxyName, [
    ...everybody,
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  ]);
  const serving = await server.authority.server();
  const auditLog = join(folder, 'audit.log');
  const proxy = await startProxy([
    `--kubeconfig=${await server.kubeconfig({ commonName: proxyName, organizations: [] })}`,
    `--tls-cert-file=${await write('tls.crt', serving.certificate)}`,
    `--tls-private-key-file=${await write('tls.key', serving.key)}`,
    `--client-ca-file=${server.file('ca')}`,
    ...['--authentication-token-webhook', '--allow-impersonation', '--reject-paths='],
    `--audit-log-path=${auditLog}`,
  ]);
  t.after(() => proxy.stop('SIGKILL'));
  return { proxy, proxyName, auditLog };
}

/** A client of one server, as one caller. Its connection stays open. */
class Client {
  readonly #port: number;
  readonly #agent: https.Agent;
  readonly #token: string | undefined;

  constructor(port: number, ca: string, { certificate, token }: Caller) {
    this.#port = port;
    this.#token = token;
    this.#agent = new https.Agent({
      ...{ ca, keepAlive: true, maxSockets: 4 },
      ...(certificate !== undefined && { cert: certificate.certificate, key: certificate.key }),
    });
  }

  async ask(headers: readonly string[]): Promise<Verdict> {
    const request = https.request({
      ...{ host: '127.0.0.1', port: this.#port, agent: this.#agent, method: 'POST' },
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      // A list is sent as it is, with fields that occur twice.
      headers: [
        ...['Host', `127.0.0.1:${this.#port}`, 'Content-Type', 'application/json'],
        ...['Content-Length', String(review.length), ...headers],
        ...(this.#token === undefined ? [] : ['Authorization', `Bearer ${this.#token}`]),
      ],
    });
    request.end(review);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const body = await text(response);
    if (response.statusCode !== 201) {
      const isStatus = body.startsWith('{');
      const message = isStatus ? String((JSON.parse(body) as { message?: unknown }).message) : body;
      return { code: response.statusCode ?? 0, message };
    }
    return withoutCredential((JSON.parse(body) as { status: { userInfo: EventUser } }).status.userInfo);
  }

  close(): void {
    this.#agent.destroy();
  }
}

const credentialId = 'authentication.kubernetes.io/credential-id';

/** A caller that acts as itself has an extra field that tells its credentials apart, and a gateway knows no such field of certificates. */
function withoutCredential({ extra = {}, ...user }: EventUser): EventUser {
  return {
    ...user,
    extra: Object.fromEntries(Object.entries(extra).filter(([key]) => key !== credentialId)),
  };
}

/** Names that no other test uses, and two namespaces. */
async function createNames(server: ApiServer): Promise<Names> {
  const [namespace, elsewhere] = await Promise.all([server.createNamespace(), server.createNamespace()]);
  const id = randomUUID();
  const scope = 'view';
  return { user: `carol-${id}`, group: `dev-${id}`, uid: `uid-${id}`, scope, namespace, elsewhere };
}

test('a caller who impersonates gets the same answer from the gateway as from the API server, or one that its README lists', async (t, server) => {
  const names = await createNames(server);
  const { proxy } = await startGateway(t, server);
  const ca = server.authority.certificate;
  let compared = 0;
  let allowed = 0;
  const unlike = new Set<Difference>();
  for (const caller of await makeCallers(server, names)) {
    const direct = new Client(Number(new URL(server.url).port), ca, caller);
    const gateway = new Client(proxy.port, ca, caller);
    const compare = async ({ headers, differs }: Question) => {
      const [expected, found] = await Promise.all([direct.ask(headers), gateway.ask(headers)]);
      const what = `${caller.name}: ${JSON.stringify(headers)}`;
      compared += 1;
      if (differs.length === 0) {
        assert.deepEqual(found, expected, what);
        if (!('code' in found)) allowed += 1;
        return;
      }
      assert.ok('code' in found, what);
      const difference = differs.find(
        ({ code, message }) => found.code === code && message.test(found.message),
      );
      assert.ok(difference !== undefined, `${what}: ${JSON.stringify(found)}`);
      if (!isDeepStrictEqual(found, expected)) unlike.add(difference);
    };
    const questions = [...combinations(names), ...spellings(names)];
    for (let at = 0; at < questions.length; at += 4) {
      await Promise.all(questions.slice(at, at + 4).map(compare));
    }
    direct.close();
    gateway.close();
  }
  t.diagnostic(`${compared} combinations, ${allowed} of them allowed alike`);
  assert.ok(compared >= 1_000 && allowed >= 200, `${compared} ${allowed}`);
  const readme = await readFile(projectFile('deploy/reference/authentication.md'), 'utf8');
  for (const difference of Object.values(differences)) {
    const { documented } = difference;
    assert.ok(unlike.has(difference), `${documented}: there is no difference`);
    assert.ok(readme.includes(`\n| ${documented} |`), documented);
  }
});

test('the API server reads the extra keys of a caller in their case, and its refusal names the key in that case', async (_t, server) => {
  const id = randomUUID();
  const users = { apiGroups: [''], resources: ['users'], verbs: ['impersonate'] };
  // As roles list it from before keys kept their case.
  const former = { ...users, apiGroups: ['authentication.k8s.io'], resources: ['userextras/accesskeyid'] };
  const ask = async (name: string, rules: readonly Rule[], extra: ReadonlyMap<string, readonly string[]>) => {
    await server.grant(name, rules);
    const certificate = await server.authority.client({ commonName: name, organizations: [] });
    const client = new Client(Number(new URL(server.url).port), server.authority.certificate, {
      ...{ name, certificate },
    });
    const headers = impersonationHeaders({ user: 'carol', groups: [], extra });
    return client.ask(headers).finally(() => client.close());
  };
  const extra = new Map(
    ['accessKeyId', 'accesskeyid', 'Foo', 'foo', '%46oo', 'A-B/c', '\u00c4\u00e4'].map(key => [
      key,
      [`of ${key}`],
    ]),
  );
  const found = await ask(`all-${id}`, everybody, extra);
  assert.deepEqual('extra' in found && found.extra, Object.fromEntries(extra));
  const refused = await ask(`former-${id}`, [users, former], new Map([['accessKeyId', ['ASIA']]]));
  assert.match('message' in refused ? refused.message : '', /impersonate resource "userextras\/accessKeyId"/);
});

test('one Audit-ID joins the event of the gateway, with caller and target, and that of the API server, with gateway and target', async (t, server) => {
  const names = await createNames(server);
  const { proxy, proxyName, auditLog } = await startGateway(t, server);
  const [lead] = await makeCallers(server, names);
  assert.ok(lead?.certificate !== undefined);
  const client = new Client(proxy.port, server.authority.certificate, lead);
  t.after(() => client.close());
  const auditId = randomUUID();
  const target = [
    ...['Impersonate-User', names.user, 'Impersonate-Group', names.group, 'Impersonate-Uid', names.uid],
  ];
  await client.ask([...target, 'Audit-Id', auditId]);
  const [own, upstream] = await Promise.all(
    [auditLog, server.location.auditLog].map(path => new AuditLog(path).event(auditId, 'ResponseComplete')),
  );
  const { username, groups, uid } = own?.impersonatedUser ?? {};
  assert.deepEqual([username, groups, uid], [names.user, [names.group, 'system:authenticated'], names.uid]);
  assert.deepEqual(upstream?.impersonatedUser, own?.impersonatedUser);
  assert.equal(own?.user.username, lead.name);
  assert.equal(upstream?.user.username, proxyName);
});

test('kubectl --as says the same through the gateway as at the API server', async (t, server) => {
  if ((await kubectl(['version', '--client']).catch(() => ({ code: 1 }))).code !== 0) {
    return t.skip('kubectl is not in PATH');
  }
  const [namespace, elsewhere] = await Promise.all([server.createNamespace(), server.createNamespace()]);
  const id = randomUUID();
  const names = {
    user: `carol-${id}`,
    group: `dev-${id}`,
    uid: `uid-${id}`,
    scope: 'view',
    namespace,
    elsewhere,
  };
  const { proxy } = await startGateway(t, server);
  const caller = (await makeCallers(server, names)).at(-1);
  const folder = temporaryFolder();
  const ca = join(folder, 'ca.crt');
  await writeFile(ca, server.authority.certificate);
  // Each command has to ask for all that it needs: what another one has found would hide a refusal.
  const at = (url: string, args: readonly string[]) =>
    kubectl([
      ...args,
      '--cache-dir',
      join(folder, randomUUID()),
      ...['--server', url, '--token'],
      caller?.token ?? '',
      '--certificate-authority',
      ca,
    ]);
  const as = [`--as=${names.user}`, `--as-group=${names.group}`, `--as-uid=${names.uid}`];
  const account = `--as=system:serviceaccount:${namespace}:robot`;
  for (const args of [
    ['auth', 'whoami', ...as],
    ['auth', 'whoami', account],
    ['auth', 'can-i', '--list', ...as],
    ['auth', 'can-i', '--list', account],
    ['auth', 'can-i', 'get', 'pods', '--as=nobody'],
    ['get', 'pods', ...as],
    ['get', 'pods', account],
    ['get', 'pods', '--as=nobody', `--as-group=${names.group}`],
    ['get', 'pods', `--as=${names.user}`, '--as-group=others'],
  ]) {
    // Between the two, other tests may add an API group, or remove one.
    await eventuallyPasses(async () => {
      const [direct, through] = await Promise.all([
        at(server.url, args),
        at(`https://127.0.0.1:${proxy.port}`, args),
      ]);
      assert.deepEqual(withoutTimes(through), withoutTimes(direct), args.join(' '));
      assert.ok(direct.stdout !== '' || /Forbidden/.test(direct.stderr), direct.stderr);
    });
  }
});

/** The result without the times and the process ids of kubectl's log lines. */
function withoutTimes({ stderr, ...result }: KubectlResult) {
  return { ...result, stderr: stderr.replaceAll(/^E\d+ [\d:.]+ +\d+ /gm, '') };
}
