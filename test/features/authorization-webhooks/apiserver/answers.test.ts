import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { send } from '../../../support/clients/http-client.js';
import type { ApiServer } from '../../../support/kube-apiserver/api-server.js';
import { tokenFlag } from '../../../support/kube-apiserver/api-server.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { startOwnApiServer } from '../../../support/kube-apiserver/run.js';
import { listenFor } from '../../../support/ports.js';
import { callersFlag } from '../../../support/proxy/callers.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../../support/proxy/kubeconfig-file.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { type OddAnswer, oddAnswers, type Verdict } from '../answers.js';

const parallel = 100;

const policies = ['Deny', 'NoOpinion'] as const;
type Policy = (typeof policies)[number];

const denial = '{"status":{"denied":true,"reason":"behind a redirect"}}';
const head = 'HTTP/1.1 200 OK\r\n';

/** Answers that no JSON is odd about: whole answers, as bytes. */
const rawAnswers: readonly (readonly [what: string, bytes: string, theirs: Verdict])[] = [
  ['lines that end with LF alone', `HTTP/1.1 200 OK\nContent-Length: ${denial.length}\n\n${denial}`, 'deny'],
  ['a folded line', `${head}A: b\r\n c\r\nContent-Length: ${denial.length}\r\n\r\n${denial}`, 'deny'],
  [
    'a Content-Length twice',
    `${head}${`Content-Length: ${denial.length}\r\n`.repeat(2)}\r\n${denial}`,
    'deny',
  ],
  ['more than 16 MB', `${head}\r\n{"x":"${'x'.repeat(17 << 20)}",${denial.slice(1)}`, 'deny'],
  ['a body that ends too early', `${head}Content-Length: ${denial.length + 1}\r\n\r\n${denial}`, 'fail'],
  ['another protocol', 'SSH-2.0-OpenSSH_9.2p1\r\n', 'fail'],
  ['nothing at all', '', 'fail'],
];

/** An answer by the name of the object that is asked about. */
type Answers = ReadonlyMap<string, Required<Pick<OddAnswer, 'status' | 'headers' | 'body'>>>;

/** A webhook that answers so. Those that are bytes alone are those of a server of their own. */
async function startWebhook(t: TestContext, answers: Answers): Promise<string> {
  const server = http.createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  const serve = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    if (request.url === '/denies') return void response.end(denial);
    const { spec } = (await json(request)) as { spec: { resourceAttributes: { name: string } } };
    const answer = answers.get(spec.resourceAttributes.name);
    if (answer === undefined) return void response.destroy();
    const { status, headers, body } = answer;
    return void response
      .writeHead(status, [...headers, 'Content-Length', `${Buffer.byteLength(body)}`])
      .end(body);
  };
  return `http://127.0.0.1:${await listenFor(t, server)}`;
}

/** A webhook that sends these bytes, whatever it is asked. */
async function startRawWebhook(t: TestContext, bytes: string): Promise<string> {
  const server = createServer(socket => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(bytes));
  });
  return `http://127.0.0.1:${await listenFor(t, server)}`;
}

/** An entry that is asked about one user alone. */
async function entryOf(user: string, server: string, failurePolicy: Policy): Promise<object> {
  const { path } = await writeKubeconfig({ server });
  return {
    type: 'Webhook',
    name: user.toLowerCase(),
    webhook: {
      ...{ authorizedTTL: '1s', unauthorizedTTL: '1s', timeout: '20s', subjectAccessReviewVersion: 'v1' },
      ...{ failurePolicy, matchConditionSubjectAccessReviewVersion: 'v1' },
      matchConditions: [{ expression: `request.user == '${user}'` }],
      connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: path },
    },
  };
}

/** Asks whether a user may get an object that is not there: of the API server with these entries, and of the gateway with them. */
type Ask = (user: string, name: string) => Promise<{ readonly theirs: number; readonly ours: number }>;

/** Everybody has all rights: only a webhook denies. */
async function startBoth(
  t: TestContext,
  run: ApiServer,
  users: readonly string[],
  entries: readonly object[],
): Promise<Ask> {
  const folder = temporaryFolder();
  const write = async (file: string, text: string) => {
    await writeFile(join(folder, file), text);
    return join(folder, file);
  };
  const configuration = (authorizers: readonly object[]) =>
    JSON.stringify({
      ...{ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration', authorizers },
    });
  const rows = users.map(user => `${user},${user},,everyone\n`).join('');
  const tokens = await write('tokens.csv', `token-of-admin,admin,,system:masters\n${rows}`);
  const { server } = await startOwnApiServer(t, run, {
    authorizers: await write('server.json', configuration([...entries, { type: 'RBAC', name: 'rbac' }])),
    flags: [tokenFlag(tokens)],
  });
  const group = 'rbac.authorization.k8s.io';
  for (const { admin } of [server, run]) {
    // The run's API server has it from another test, or from this one.
    await admin.ask('POST', `/apis/${group}/v1/clusterrolebindings`, {
      metadata: { name: 'webhook-answers' },
      roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: users.map(name => ({ apiGroup: group, kind: 'User', name })),
    });
  }
  const proxy = await startInProcess(t, [
    ...[`--kubeconfig=${await run.kubeconfig()}`, callersFlag(await write('callers.csv', rows))],
    `--authorization-config=${await write('gateway.json', configuration(entries))}`,
  ]);
  const agents = [
    new https.Agent({ ca: run.authority.certificate, keepAlive: true, maxSockets: parallel }),
    new http.Agent({ keepAlive: true, maxSockets: parallel }),
  ] as const;
  t.after(() => {
    for (const agent of agents) agent.destroy();
  });
  return async (user, name) => {
    const path = `/api/v1/namespaces/default/configmaps/${name}`;
    const headers = { authorization: `Bearer ${user}` };
    const [theirs, ours] = await Promise.all([
      send(Number(new URL(server.url).port), path, { headers, agent: agents[0], tls: {} }),
      send(proxy.port, path, { headers, agent: agents[1] }),
    ]);
    return { theirs: theirs.status, ours: ours.status };
  };
}

const codes = (verdict: Verdict, policy: Policy): number =>
  ({ pass: 404, deny: 403, error: 500, fail: policy === 'Deny' ? 500 : 404 })[verdict];

test('no answer of a webhook passes that the API server denies', async (t, run) => {
  const json = ['Content-Type', 'application/json'];
  const odd = oddAnswers.map(({ status = 200, headers = json, body }) => ({ status, headers, body }));
  const answers: Answers = new Map(odd.map((answer, at) => [`odd-${at}`, answer] as const));
  const webhook = await startWebhook(t, answers);
  const raw = await Promise.all(rawAnswers.map(([, bytes]) => startRawWebhook(t, bytes)));
  const servers = [webhook, ...raw];
  const users = servers.flatMap((_, at) => policies.map(policy => `${policy}-${at}`));
  const entries = await Promise.all(
    servers.flatMap((server, at) => policies.map(policy => entryOf(`${policy}-${at}`, server, policy))),
  );
  const ask = await startBoth(t, run, users, entries);

  const asked = [
    ...oddAnswers.map((answer, at) => ({ ...answer, at: 0, name: `odd-${at}` })),
    ...rawAnswers.map(([what, , theirs], at) => ({
      ...{ what, theirs, at: at + 1, name: 'x' },
      isRefused: theirs === 'deny' || what === 'another protocol',
    })),
  ];
  const differences: string[] = [];
  const compare = async (
    { what, theirs, at, name, isRefused }: (typeof asked)[number],
    policy: Policy,
  ): Promise<void> => {
    const code = codes(theirs, policy);
    const expected = `${code} ${isRefused ? 500 : code}`;
    const both = await ask(`${policy}-${at}`, name);
    const found = `${both.theirs} ${both.ours}`;
    if (found !== expected) differences.push(`${what}, ${policy}: ${found} in place of ${expected}`);
  };
  await Promise.all(asked.flatMap(answer => policies.map(policy => compare(answer, policy))));
  assert.equal(differences.join('\n'), '');
  t.diagnostic(`${asked.length} answers`);
});
