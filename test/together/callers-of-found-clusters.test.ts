import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertStatus, type Leg, send } from '../e2e/leg.js';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { ask, connectHttp2 } from '../support/clients/http2-client.js';
import type { FakeApiServer, RequestRecord } from '../support/fake-api-server/fake-api-server.js';
import { startFoundGateway, tokenOfGateway, tokenOfSecret } from '../support/found-clusters/found-gateway.js';
import { callersFlag } from '../support/proxy/callers.js';
import { replaceFile } from '../support/replaced-file.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const legs: readonly Leg[] = ['plain', 'websocket', 'spdy'];
const pod = '/api/v1/namespaces/default/pods/web-0';
const exec = `${pod}/exec?command=true&stdout=true`;
const targets: Readonly<Record<Leg, string>> = { plain: pod, websocket: exec, spdy: exec };
const passed = (leg: Leg) => (leg === 'plain' ? 200 : 101);

const robot = 'system:serviceaccount:shop:robot';
const ofRobot = { username: robot, groups: ['system:serviceaccounts', 'system:serviceaccounts:shop'] };
const tokens = { jane: 'token-of-the-file', robot: 'token-of-home', nobody: 'token-of-nobody' } as const;

async function callers(lines: string): Promise<string> {
  const file = join(temporaryFolder(), 'tokens.csv');
  await replaceFile(file, lines);
  return callersFlag(file);
}

type Fields = readonly (readonly [name: string, value: string])[];

/** Fields by which a client brings a token, and what else it may send it in. */
function spellings(token: string): readonly Fields[] {
  const bearer = ['Authorization', `Bearer ${token}`] as const;
  const protocol = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;
  const others = [
    'X-Forwarded-Access-Token',
    'X-Auth-Request-Token',
    'X-Amzn-Oidc-Data',
    'Cf-Access-Jwt-Assertion',
  ];
  return [
    [bearer],
    [['authorization', `bearer ${token}`]],
    [bearer, ...others.map(name => [name, token] as const), ['Cookie', `session=${token}`]],
    [['Sec-WebSocket-Protocol', protocol]],
    [['Authorization', `Basic ${Buffer.from(`jane:${token}`).toString('base64')}`]],
    [['Authorization', token]],
    [bearer, ['Authorization', `Bearer ${token}2`]],
    [bearer, ['Impersonate-User', token]],
  ];
}

/** Sends each spelling of each token, side by side because a stranger's answer comes late. All but the stranger pass with some. */
async function assertWhoPasses(what: string, code: number, statusOf: (fields: Fields) => Promise<number>) {
  await Promise.all(
    Object.entries(tokens).map(async ([who, token]) => {
      const codes = await Promise.all(spellings(token).map(statusOf));
      assert.equal(
        codes.filter(got => got === code).length >= 3,
        who !== 'nobody',
        `${who} ${what} ${codes}`,
      );
    }),
  );
}

/** What clients have sent there: the gateway asks with requests of its own too. */
function ofClients({ requests }: FakeApiServer): readonly RequestRecord[] {
  return requests.filter(({ headers }) => headers['user-agent'] !== 'kube-api-proxy');
}

function assertNoToken(found: FakeApiServer): void {
  for (const { rawHeaders, rawUrl, headers, impersonated } of found.requests) {
    const text = [rawUrl, ...rawHeaders].join('\n');
    for (const token of [...Object.values(tokens), tokenOfGateway]) {
      const encoded = [0, 1, 2].map(offset =>
        Buffer.from('x'.repeat(offset) + token)
          .toString('base64')
          .slice(4, -4),
      );
      for (const part of [token, ...encoded]) assert.ok(!text.includes(part), text);
    }
    assert.equal(headers['authorization'], `Bearer ${tokenOfSecret}`);
    assert.doesNotMatch(rawUrl, /tokenreviews/);
    if (headers['user-agent'] !== 'kube-api-proxy')
      assert.ok(['jane', robot].includes(impersonated?.username ?? ''));
  }
}

const review = '--authentication-token-webhook';
const jane = { authorization: `Bearer ${tokens.jane}` };

test('no token of a caller reaches a found cluster, whoever knows the token, on any leg', async t => {
  const flags = [await callers(`${tokens.jane},jane,,"dev"\n`), review];
  const { home, found, proxy, write, path, until } = await startFoundGateway(t, {
    flags,
    tokens: { [tokens.robot]: ofRobot },
  });
  write('east');
  await until('east', /unused/, jane);
  await Promise.all(
    legs.map(leg =>
      assertWhoPasses(leg, passed(leg), async fields => {
        const headers = fields.map(([name, value]) => `${name}: ${value}`);
        return (await send(proxy.port, { leg, target: path('east') + targets[leg], headers })).code;
      }),
    ),
  );
  assertNoToken(found);
  assert.ok(home.requests.some(({ rawUrl }) => rawUrl.endsWith('/tokenreviews')));
});

test('no token of a caller reaches a found cluster over HTTP/2', async t => {
  const files = await createServingFiles();
  const flags = [await callers(`${tokens.jane},jane,,"dev"\n`), review];
  const { found, proxy, write, path, until } = await startFoundGateway(t, {
    ...{ flags, files },
    tokens: { [tokens.robot]: ofRobot },
  });
  write('east');
  await until('east', /unused/, jane);
  const session = await connectHttp2(proxy.port, files.authority.certificate);
  t.after(() => session.close());
  await Promise.all(
    [pod, '/api/v1/pods?watch=1&timeoutSeconds=1'].map(target =>
      assertWhoPasses(target, 200, async fields => {
        const headers = Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value]));
        return (await ask(session, path('east') + target, { headers })).status;
      }),
    ),
  );
  assertNoToken(found);
});

test('without authentication a found cluster gets no credential of a client: it is refused, and without it the request is the cluster’s own', async t => {
  const { found, proxy, write, path, until } = await startFoundGateway(t);
  write('east');
  await until('east', /unused/);
  for (const leg of legs) {
    const target = path('east') + targets[leg];
    const before = ofClients(found).length;
    for (const fields of spellings(tokens.jane).filter(fields => fields.length === 1)) {
      const headers = fields.map(([name, value]) => `${name}: ${value}`);
      const message = assertStatus(await send(proxy.port, { leg, target, headers }), 403, `${headers}`);
      assert.match(message, /gets no credential of a client/);
    }
    assert.equal(ofClients(found).length, before);
    const headers = [`Cookie: session=${tokens.jane}`, `X-Forwarded-Access-Token: ${tokens.jane}`];
    assert.equal((await send(proxy.port, { leg, target, headers })).code, passed(leg));
    const last = ofClients(found).at(-1);
    assert.equal(last?.user?.username, 'owner');
    assert.ok(!last?.rawHeaders.join().includes(tokens.jane));
  }
});

test('a found cluster gets no request as a user or a group that Kubernetes reserves, but for service accounts, also where others may', async t => {
  const lines = [
    'admin-token,admin,,"system:masters"',
    'node-token,system:node:a,,"dev"',
    'ann-token,ann,,"dev"',
  ];
  const flags = [
    await callers(`${lines.join('\n')}\n`),
    '--allow-system-identities=system:masters,system:node:a,system:nodes,kubeadm:cluster-admins,system:kube-scheduler,system:serviceaccounts',
    ...[review, '--allow-impersonation'],
  ];
  const { home, found, proxy, write, path, until } = await startFoundGateway(t, {
    flags,
    tokens: { [tokens.robot]: ofRobot },
  });
  write('east');
  await until('east', /unused/, { authorization: 'Bearer ann-token' });
  const as = (user: string, ...groups: readonly string[]) => [
    `Impersonate-User: ${user}`,
    ...groups.map(group => `Impersonate-Group: ${group}`),
  ];
  for (const leg of legs) {
    for (const [token, more, code] of [
      ['ann-token', [], passed(leg)],
      [tokens.robot, [], passed(leg)],
      ['ann-token', as('jane', 'dev'), passed(leg)],
      ['ann-token', as('system:serviceaccount:shop:robot'), passed(leg)],
      ['admin-token', [], 403],
      ['node-token', [], 403],
      ['ann-token', as('jane', 'system:masters'), 403],
      ['ann-token', as('jane', 'kubeadm:cluster-admins'), 403],
      ['ann-token', as('jane', 'system:serviceaccounts'), 403],
      ['ann-token', as('system:kube-scheduler'), 403],
      ['admin-token', as('jane', 'dev'), 403],
    ] as const) {
      const headers = [`Authorization: Bearer ${token}`, ...more];
      const answer = await send(proxy.port, { leg, target: path('east') + targets[leg], headers });
      assert.equal(answer.code, code, `${leg} ${headers.join()} ${answer.raw}`);
      if (code === 403)
        assert.match(answer.body, /reserved by Kubernetes, and this proxy acts as no such user/);
      if (code === 403)
        assert.equal((await send(proxy.port, { leg, target: targets[leg], headers })).code, passed(leg));
    }
  }
  const acted = [...found.requests].flatMap(({ impersonated }) => impersonated?.groups ?? []);
  assert.deepEqual([...new Set(acted)].sort(), ['dev', 'system:authenticated', ...ofRobot.groups].sort());
  assert.ok(home.requests.some(({ impersonated }) => impersonated?.groups.includes('system:masters')));
  const metrics = await send(proxy.port, {
    target: '/-/metrics',
    headers: ['Authorization: Bearer ann-token'],
  });
  assert.match(metrics.body, /rejected_requests_total\{cluster="fleet.east",reason="identity"\} [1-9]/);
});
