import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import https from 'node:https';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { impersonationOf } from '../../../src/kubernetes/impersonation.js';
import type { CertificatePair } from '../../support/certificates/certificates.js';
import { send } from '../../support/clients/http-client.js';
import { selfReview, selfReviewPath } from '../../support/clients/self-review.js';
import type { Rule } from '../../support/fake-api-server/rbac.js';
import type { ApiServer } from '../../support/kube-apiserver/api-server.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import type { EventUser } from '../../support/kube-apiserver/audit-log.js';
import { projectFile } from '../../support/project.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { type Difference, differences, type Verdict } from './impersonation/differences.js';
import { type Names, type Question, rulesOf, spellings } from './impersonation/questions.js';

/** Who asks: a user of a client certificate, or a service account by its token. */
interface Caller {
  readonly name: string;
  readonly certificate?: CertificatePair;
  readonly token?: string;
}

const everybody = [{ apiGroups: ['*'], resources: ['*'], verbs: ['impersonate'] }];
const review = Buffer.from(selfReview);

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
  const token = await server.tokenOf(namespace, 'lead');
  const account = `system:serviceaccount:${namespace}:lead`;
  for (const lead of [`lead-${id}`, account]) await server.bind(namespace, lead, [robot]);
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
    { name: account, token },
  ];
}

async function startGateway(t: TestContext, server: ApiServer) {
  const proxyName = `proxy-${randomUUID()}`;
  await server.grant(proxyName, [
    ...everybody,
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  ]);
  const proxy = await startProxy([
    `--kubeconfig=${await server.kubeconfig({ commonName: proxyName, organizations: [] })}`,
    `--tls-cert-file=${server.file('certificate')}`,
    `--tls-private-key-file=${server.file('key')}`,
    `--client-ca-file=${server.file('ca')}`,
    ...['--authentication-token-webhook', '--allow-impersonation', '--reject-paths='],
  ]);
  t.after(() => proxy.stop('SIGKILL'));
  return proxy;
}

/** A client of one server, as one caller. Its connection stays open. */
class Client {
  readonly #port: number;
  readonly #agent: https.Agent;
  readonly #token: string | undefined;

  constructor(port: number, ca: string, { certificate, token }: Caller) {
    this.#port = port;
    this.#token = token;
    const pair = { cert: certificate?.certificate, key: certificate?.key };
    this.#agent = new https.Agent({ ca, ...pair, keepAlive: true, maxSockets: 4 });
  }

  async ask(headers: readonly string[]): Promise<Verdict> {
    const { status, text } = await send(this.#port, selfReviewPath, {
      ...{ method: 'POST', agent: this.#agent, tls: {}, body: review },
      headers: [
        ...['Host', `127.0.0.1:${this.#port}`, 'Content-Type', 'application/json'],
        ...['Content-Length', String(review.length), ...headers],
        ...(this.#token === undefined ? [] : ['Authorization', `Bearer ${this.#token}`]),
      ],
    });
    const answer = text.startsWith('{') ? JSON.parse(text) : { message: text };
    return status === 201
      ? withoutCredential(answer.status.userInfo)
      : { code: status, message: String(answer.message) };
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

function refusalOf(verdict: Verdict): string {
  return 'code' in verdict ? `${verdict.code} ${verdict.message}` : '';
}

/** Whether it is a refusal of Kubernetes 1.36, which tells the first right that it asked for: mostly one of constrained impersonation. */
function isOfConstrained(verdict: Verdict): boolean {
  return / cannot impersonate(?:-on)?:/.test(refusalOf(verdict));
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
  const proxy = await startGateway(t, server);
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
        if (isOfConstrained(expected)) {
          // The API server tells the first right that it has asked for, the gateway the one of the kind that the caller has.
          const refusal = `User ${JSON.stringify(caller.name)} cannot impersonate resource `;
          assert.ok(refusalOf(found).startsWith('403 ') && refusalOf(found).includes(refusal), what);
        } else assert.deepEqual(found, expected, what);
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
    const questions = spellings(names);
    for (let at = 0; at < questions.length; at += 4) {
      await Promise.all(questions.slice(at, at + 4).map(compare));
    }
    direct.close();
    gateway.close();
  }
  t.diagnostic(`${compared} questions, ${allowed} of them allowed alike`);
  assert.ok(compared >= 150 && allowed >= 30, `${compared} ${allowed}`);
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
    const headers = impersonationOf({ username: 'carol', uid: undefined, groups: [], extra });
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
  const missing =
    server.minorVersion < 36
      ? /impersonate resource "userextras\/accessKeyId"/
      : /cannot impersonate-on:user-info:create resource "selfsubjectreviews"/;
  assert.match(refusalOf(refused), missing);
});
