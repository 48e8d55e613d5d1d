import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import https from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { open } from '../../support/clients/http-client.js';
import type { ApiServer } from '../../support/kube-apiserver/api-server.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import { startOwnApiServer } from '../../support/kube-apiserver/run.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { createRandom } from '../../support/random.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import {
  callers,
  type GeneratedRequest,
  generateRequest,
} from './authorization-webhooks/generated-request.js';
import { byDigest, oddWebhooks, startWebhook } from './authorization-webhooks/test-webhook.js';

/** AUTHORIZATION_SEED and AUTHORIZATIONS select other requests, or more of them. */
const seed = Number(process.env['AUTHORIZATION_SEED'] ?? 20_261);
const count = Number(process.env['AUTHORIZATIONS'] ?? 10_000);
const parallel = 8;

/** What a server answers: the code, and of a refusal its message. */
interface Verdict {
  readonly code: number;
  readonly message: string;
}

type Asked = GeneratedRequest & { readonly type?: string };

const upgradeHeaders = [
  ...['Connection', 'Upgrade', 'Upgrade', 'websocket', 'Sec-WebSocket-Version', '13', 'Sec-WebSocket-Key'],
  ...['dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol', 'v5.channel.k8s.io'],
];

/** A client of one server. */
class Client {
  readonly #port: number;
  readonly #ca: string;
  readonly #agent: https.Agent;

  constructor(t: TestContext, port: number, ca: string) {
    this.#port = port;
    this.#ca = ca;
    this.#agent = new https.Agent({ ca, keepAlive: true, maxSockets: parallel });
    t.after(() => this.#agent.destroy());
  }

  async send({ caller, method, target, headers, body, isUpgrade, type }: Asked): Promise<Verdict> {
    const response = await open(this.#port, target, {
      ...{ method, body: body ?? '', tls: { ca: this.#ca }, agent: !isUpgrade && this.#agent },
      headers: [
        ...['Host', `127.0.0.1:${this.#port}`, 'Authorization', `Bearer ${caller}`, ...headers],
        ...(isUpgrade ? upgradeHeaders : []),
        ...(isUpgrade && method === 'GET' ? [] : ['Content-Length', `${Buffer.byteLength(body ?? '')}`]),
        ...(type === undefined ? [] : ['Content-Type', type]),
      ],
    });
    const code = response.statusCode ?? 0;
    // A watch goes on. The bodies of other answers need not be equal.
    if (code < 400) {
      response.destroy();
      return { code, message: '' };
    }
    const content = await text(response);
    const isStatus = content.startsWith('{');
    return {
      code,
      message: isStatus ? String((JSON.parse(content) as { message: unknown }).message) : content,
    };
  }
}

interface Both {
  readonly server: Client;
  readonly gateway: Client;
  /** Whether the server has constrained impersonation. */
  readonly hasConstrained: boolean;
}

/** Everyone may do everything, by RBAC. */
async function allowEveryone(server: ApiServer): Promise<void> {
  const group = 'rbac.authorization.k8s.io';
  await server.admin.do('POST', `/apis/${group}/v1/clusterrolebindings`, {
    metadata: { name: 'everyone' },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup: group, kind: 'Group', name: 'everyone' }],
  });
}

async function makeObjects({ admin }: ApiServer): Promise<void> {
  const metadata = { name: 'there' };
  await admin.do('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } });
  const container = { name: 'x', image: 'x' };
  for (const [resource, object] of [
    ['/api/v1/namespaces/shop/pods', { spec: { containers: [container] } }],
    ['/api/v1/namespaces/shop/configmaps', {}],
    ['/apis/coordination.k8s.io/v1/namespaces/shop/leases', {}],
    ['/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles', {}],
  ] as const) {
    await admin.do('POST', resource, { metadata, ...object });
  }
}

/** An API server with the file, and the gateway with the same webhooks in front of another one. Both have the same callers and objects. */
async function startBoth(t: TestContext, run: ApiServer, entries: readonly object[]): Promise<Both> {
  const folder = temporaryFolder();
  const callersFile = join(folder, 'callers.csv');
  const admin = 'token-of-admin,admin,,system:masters\n';
  const quote = (value: string) => `"${value.replaceAll('"', '""')}"`;
  const odd = oddCallers.map(({ name }) => [name, name, '', 'everyone']);
  const rows = [...callers, ...odd].map(row => row.map(quote).join(','));
  await writeFile(callersFile, rows.join('\n'));
  await writeFile(join(folder, 'tokens.csv'), `${admin}${rows.join('\n')}`);
  const configuration = async (file: string, authorizers: readonly object[]) => {
    const kind = 'AuthorizationConfiguration';
    const content = JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind, authorizers });
    await writeFile(join(folder, file), content);
    return join(folder, file);
  };
  const withRbac = await configuration('server.yaml', [...entries, { type: 'RBAC', name: 'rbac' }]);
  const alone = await configuration('gateway.yaml', entries);
  const [first, second] = await Promise.all([
    startOwnApiServer(t, run, {
      authorizers: withRbac,
      flags: [`--token-auth-file=${join(folder, 'tokens.csv')}`],
    }),
    startOwnApiServer(t, run),
  ]);
  for (const { server } of [first, second]) {
    await allowEveryone(server);
    await makeObjects(server);
  }
  const serving = await createServingFiles();
  const proxy = await startProxy([
    ...[`--kubeconfig=${await second.server.kubeconfig()}`, `--token-auth-file=${callersFile}`],
    `--authorization-config=${alone}`,
    ...['--reject-paths=', '--allow-impersonation', ...serving.flags],
  ]);
  t.after(() => proxy.stop('SIGKILL'));
  const serverPort = Number(new URL(first.server.url).port);
  return {
    server: new Client(t, serverPort, run.authority.certificate),
    gateway: new Client(t, proxy.port, serving.authority.certificate),
    hasConstrained: run.minorVersion >= 36,
  };
}

/** What only the gateway refuses: another text, before any webhook is asked. */
const ownRefusals = /could read|has more than one reading|the path contains|is reserved by Kubernetes/;

const policies = ['Deny', 'NoOpinion'] as const;
/** Each asks one odd webhook, with one failurePolicy. */
const oddCallers = [...Object.keys(oddWebhooks), '/name'].flatMap(path =>
  policies.map(failurePolicy => ({ path, failurePolicy, name: `${path.slice(1)}-${failurePolicy}` })),
);

/** The errors of odd webhooks have the words of each program: only the beginning is the same. */
const inOtherWords = /-(?:Deny|NoOpinion)$/;

/** Up to the request's URI, which is in quotes. */
function frameOf({ message }: Verdict): string | undefined {
  return /^Internal Server Error: "(?:[^"\\]|\\.)*": /.exec(message)?.[0];
}

/** Two webhooks that decide by a digest, behind the odd ones of some users. One of those has a certificate for another name. */
async function startWebhooks(t: TestContext, { authority }: ApiServer): Promise<readonly object[]> {
  const behaviours = { '/first': byDigest('first'), '/second': byDigest('second'), ...oddWebhooks };
  const [webhook, other] = await Promise.all([
    startWebhook(t, await authority.server(), authority.certificate, behaviours),
    startWebhook(t, await authority.server({ dns: ['other.example'], ip: [] }), authority.certificate, {}),
  ]);
  const matchConditions = [{ expression: "!request.user.matches('-(Deny|NoOpinion)$')" }];
  return Promise.all([
    ...oddCallers.map(({ path, failurePolicy, name }) =>
      (path === '/name' ? other : webhook)(path, name.toLowerCase(), {
        ...{ failurePolicy, ...(path === '/hang' && { timeout: '2s' }) },
        matchConditions: [{ expression: `request.user == '${name}'` }],
      }),
    ),
    webhook('/first', 'first', { matchConditions }),
    webhook('/second', 'second', { matchConditions }),
  ]);
}

/** Sends a request to both. Undefined if they do not differ. */
async function differenceOf(
  { server, gateway, hasConstrained }: Both,
  request: GeneratedRequest,
  outcomes: Map<string, number>,
): Promise<readonly string[]> {
  const [theirs, ours] = await Promise.all([server.send(request), gateway.send(request)]);
  const isOwn = ours.code === 400 && ownRefusals.test(ours.message);
  const outcome = isOwn ? 'own' : `${theirs.code}${/was asked/.test(theirs.message) ? ' of a webhook' : ''}`;
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  if (inOtherWords.test(request.caller) && ours.code === 500) {
    const isSame = theirs.code === 500 && frameOf(theirs) === frameOf(ours);
    return isSame ? [] : [JSON.stringify({ request, theirs, ours })];
  }
  if (isOwn || isDeepStrictEqual(theirs, ours) || (hasConstrained && isOfConstrained(request, theirs, ours)))
    return [];
  return [JSON.stringify({ request, theirs, ours })];
}

/**
 * What the gateway refuses although an API server with constrained impersonation may not: one of its webhooks denies the verb `impersonate`.
 * Otherwise the two differ in words alone: the API server tells the first right that it has asked for.
 */
function isOfConstrained({ method, headers }: GeneratedRequest, theirs: Verdict, ours: Verdict): boolean {
  if (ours.code !== 403 || headers.length === 0) return false;
  // An answer to HEAD has no text.
  if (method === 'HEAD') return true;
  const refusal =
    / cannot impersonate (?:resource|path) .*: (?:first|second) was asked .*"verb":"impersonate"/s;
  const isRefused = theirs.code === 403 && / cannot impersonate/.test(theirs.message);
  return refusal.test(ours.message) || (isRefused && / cannot impersonate/.test(ours.message));
}

test('the gateway and an API server with the same webhooks give the same verdicts', async (t, run) => {
  const both = await startBoth(t, run, await startWebhooks(t, run));
  const outcomes = new Map<string, number>();
  const differences: string[] = [];

  const random = createRandom(seed);
  let sent = 0;
  const work = async () => {
    while (sent++ < count && differences.length < 20) {
      const request = generateRequest(random, { namespace: 'shop', there: 'there' });
      differences.push(...(await differenceOf(both, request, outcomes)));
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  assert.equal(differences.join('\n'), '');
  t.diagnostic(
    [...outcomes]
      .map(([outcome, times]) => `${outcome}: ${times}`)
      .sort()
      .join(', '),
  );

  const odd = oddCallers.flatMap(({ name }) =>
    [false, true].map(isUpgrade => {
      const target = `/api/v1/namespaces/shop/pods/there${isUpgrade ? '/exec?command=<&>"' : '?x=<&>"'}`;
      return { caller: name, method: 'GET', target, headers: [], body: undefined, isUpgrade };
    }),
  );
  const found = await Promise.all(odd.map(request => differenceOf(both, request, outcomes)));
  differences.push(...found.flat());
  assert.equal(differences.join('\n'), '');
});
