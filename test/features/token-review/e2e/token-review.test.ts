import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import type { Clock } from '../../../../src/lib/clock.js';
import { bothLegs, health, passed, probe } from '../../../e2e/credential-probe.js';
import { assertStatus, send as sendRaw } from '../../../e2e/leg.js';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { open, send } from '../../../support/clients/http-client.js';
import { ask, connectHttp2 } from '../../../support/clients/http2-client.js';
import { connectRaw } from '../../../support/clients/raw-http.js';
import { eventually } from '../../../support/eventually.js';
import type { FakeApiServer, Interceptor } from '../../../support/fake-api-server/fake-api-server.js';
import { createIdToken } from '../../../support/identities/oidc-issuer.js';
import { proxyToken } from '../../../support/identities/two-users.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { adminAddress } from '../../../support/proxy/admin-listener.js';
import { hasTls } from '../../../support/proxy/encrypted.js';
import { type GatewayOptions, startGateway } from '../../../support/proxy/gateway.js';
import { startInProcess } from '../../../support/proxy/in-process.js';

const robot = {
  username: 'system:serviceaccount:shop:robot',
  uid: '4-2',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:shop'],
  extra: {
    'authentication.kubernetes.io/credential-id': ['JTI=1'],
    'authentication.kubernetes.io/pod-name': ['web-0'],
    // EKS
    accessKeyId: ['ASIA1'],
  },
};

/** A gateway in this process whose API server reviews tokens. */
function start(t: TestContext, { args = [], clock, ...others }: GatewayOptions & { clock?: Clock } = {}) {
  const flags = ['--authentication-token-webhook', ...args];
  const run: typeof startInProcess = (scope, programArgs, env) =>
    startInProcess(scope, programArgs, env, { ...(clock && { clock }) });
  return startGateway(t, { run, args: flags, ...others });
}

function bearer(token: string): string[] {
  return [`Authorization: Bearer ${token}`];
}

function reviews(server: FakeApiServer): number {
  return server.requests.filter(({ rawUrl }) => rawUrl.endsWith('/tokenreviews')).length;
}

describe('tokens of the cluster', { concurrency: 4 }, () => {
  test('are reviewed by the API server once in two minutes, and act as the user that it names', async t => {
    const { server, tokens, proxy } = await start(t, {
      server: { allow: user => user.username === 'proxy' || user.username === robot.username },
    });
    tokens['sa-token'] = robot;
    for (const leg of bothLegs) {
      const { code, arrived, answer } = await probe(proxy, server, leg, { headers: bearer('sa-token') });
      assert.equal(code, passed(leg), answer.raw);
      const { rawHeaders = [] } = arrived.at(-1) ?? {};
      const identity = rawHeaders.filter((_, index) =>
        /^(impersonate-|authorization)/i.test(rawHeaders[index - (index % 2)] ?? ''),
      );
      assert.deepEqual(identity, [
        ...['Authorization', `Bearer ${proxyToken}`, 'Impersonate-User', robot.username],
        ...['Impersonate-Uid', '4-2', 'Impersonate-Group', 'system:serviceaccounts'],
        ...['Impersonate-Group', 'system:serviceaccounts:shop', 'Impersonate-Group', 'system:authenticated'],
        ...['Impersonate-Extra-Authentication.kubernetes.io%2fcredential-Id', 'JTI=1'],
        ...['Impersonate-Extra-Authentication.kubernetes.io%2fpod-Name', 'web-0'],
        ...['Impersonate-Extra-Access%4bey%49d', 'ASIA1'],
      ]);
    }
    assert.equal(reviews(server), 1);
    const { text } = await send(proxy.port, '/-/metrics', { headers: { authorization: 'Bearer sa-token' } });
    for (const line of [
      'kube_api_proxy_authentication_attempts_total{method="token_review",result="success"} 3',
      'kube_api_proxy_authentication_token_cache_requests_total{status="hit"} 2',
      'kube_api_proxy_authentication_token_cache_requests_total{status="miss"} 1',
      'kube_api_proxy_token_review_duration_seconds_count 1',
    ]) {
      assert.ok(text.includes(`${line}\n`), line);
    }
    assert.doesNotMatch(proxy.stderr(), /sa-token|token-of-the-proxy/);
  });

  test('that it does not know get a 401, and those of reserved users a 403', async t => {
    // A failure is remembered for ten seconds, which a busy machine may take for a leg.
    const { server, tokens, proxy } = await start(t, { clock: new ManualClock(Date.now()) });
    Object.assign(tokens, {
      admin: { username: 'admin', groups: ['system:masters'] },
      kubeadm: { username: 'kate', groups: ['kubeadm:cluster-admins'] },
      node: { username: 'system:node:worker', groups: ['system:nodes'] },
      anonymous: { username: 'system:anonymous' },
      imposter: { ...robot, groups: ['system:serviceaccounts:kube-system'] },
      space: { username: ' system:admin' },
      nameless: { username: '' },
      large: { username: 'alice', groups: Array.from({ length: 6_000 }, (_, index) => `g-${index}`) },
      alice: { username: 'alice', groups: ['dev'] },
    });
    for (const leg of bothLegs) {
      for (const [token, code] of [
        ['unknown', 401],
        ['anonymous', 401],
        ['admin', 403],
        ['kubeadm', 403],
        ['node', 403],
        ['imposter', 403],
        ['space', 403],
        ['nameless', 403],
        ['large', 403],
      ] as const) {
        const { answer, arrived } = await probe(proxy, server, leg, { headers: bearer(token) });
        assertStatus(answer, code, token);
        assert.equal(arrived.length, 0, token);
      }
      assert.equal((await probe(proxy, server, leg, { headers: bearer('alice') })).code, passed(leg));
    }
    assert.equal(reviews(server), 10, 'failures are remembered too');
  });

  test('are reviewed once for forty requests that arrive together; one that leaves does not fail the others', async t => {
    const { server, tokens, proxy } = await start(t, {
      args: ['--admin-port=0', '--admin-address=127.0.0.1'],
    });
    // The admin listener's metrics need no caller.
    const address = await adminAddress(proxy);
    const metric = async (line: string) => {
      const text = await (await fetch(`http://${address}/metrics`)).text();
      return text.split('\n').includes(line);
    };
    const watches = 'kube_api_proxy_longrunning_requests{verb="watch",group="",version="v1",resource="pods"';
    const openWatches = `${watches},subresource="",scope="namespace"}`;
    tokens['alice-token'] = { username: 'alice' };
    let release = () => {};
    const held = new Promise<void>(resolve => {
      release = resolve;
    });
    server.intercept(async ({ url = '' }) => {
      if (url.endsWith('/tokenreviews')) await held;
      return false;
    });
    const first = open(proxy.port, '/api/v1/namespaces/default/pods/web-0', {
      headers: { authorization: 'Bearer alice-token' },
    });
    const leaving = first.then(
      () => 'answered',
      () => 'gone',
    );
    await eventually('the review', () => reviews(server) === 1);
    const others = Array.from({ length: 40 }, (_, index) =>
      probe(proxy, server, bothLegs[index % 2] ?? 'plain', { headers: bearer('alice-token') }),
    );
    // A client that has requested a watch leaves. The watch must not be opened upstream without it.
    const left = await connectRaw(proxy.port);
    left.write(
      'GET /api/v1/namespaces/default/pods?watch=true&left=1 HTTP/1.1\r\nHost: localhost\r\n' +
        'Authorization: Bearer alice-token\r\n\r\n',
    );
    const joined = 'kube_api_proxy_authentication_token_cache_requests_total{status="hit"} 41';
    await eventually('all to wait', () => metric(joined));
    assert.ok(await metric(`${openWatches} 1`));
    left.socket.resetAndDestroy();
    await eventually('its leaving', () => metric(`${openWatches} 0`));
    release();
    for (const [index, { code }] of (await Promise.all(others)).entries()) {
      assert.equal(code, passed(bothLegs[index % 2] ?? 'plain'));
    }
    assert.equal(await leaving, 'answered');
    assert.equal(reviews(server), 1);
    assert.equal(server.requests.filter(({ rawUrl }) => rawUrl.includes('left=1')).length, 0);
  });

  test('are never valid after their own expiry, even in the cache', async t => {
    const { server, tokens, proxy } = await start(t);
    const token = createIdToken(new Date(Date.now() + 15_000));
    tokens[token] = { username: 'alice' };
    assert.equal((await probe(proxy, server, 'plain', { headers: bearer(token) })).code, 200);
    delete tokens[token];
    assert.equal((await probe(proxy, server, 'plain', { headers: bearer(token) })).code, 200);
    await eventually('the expiry', async () => {
      const { code } = await probe(proxy, server, 'plain', { headers: bearer(token) });
      return code === 401;
    });
  });

  test('with white space or a control character get a 401 before anybody is asked, and all others are reviewed', async t => {
    const files = await createServingFiles();
    const isReview = ({ url = '' }: { url?: string | undefined }) => url.endsWith('/tokenreviews');
    const knowsAll: Interceptor = (request, response) => {
      if (!isReview(request)) return false;
      // An API server that strips white space.
      const status = { authenticated: true, user: { username: 'alice' } };
      response.writeHead(201, { 'Content-Type': 'application/json' }).end(JSON.stringify({ status }));
      return true;
    };
    const plain = await start(t, { intercept: knowsAll });
    const secure = await start(t, { intercept: knowsAll, args: files.flags });
    const session = hasTls ? await connectHttp2(secure.proxy.port, files.authority.certificate) : undefined;
    t.after(() => session?.destroy());
    const token = createIdToken(new Date(Date.now() + 60_000));
    const overHttp2 = async (text: string) => {
      assert.ok(session);
      const headers = { authorization: `Bearer ${text}` };
      return (await ask(session, '/api/v1/namespaces/default/pods/web-0', { headers })).status;
    };
    const http2Ways = hasTls ? [overHttp2] : [];
    const asSubprotocol = async (text: string) => {
      const protocol = `base64url.bearer.authorization.k8s.io.${Buffer.from(text, 'latin1').toString('base64url')}`;
      const headers = [`Sec-WebSocket-Protocol: ${protocol}`];
      return (await probe(plain.proxy, plain.server, 'websocket', { headers })).code;
    };
    const inAuthorization = (leg: (typeof bothLegs)[number]) => async (text: string) =>
      (await probe(plain.proxy, plain.server, leg, { headers: bearer(text) })).code;
    const ways = [...bothLegs.map(inAuthorization), asSubprotocol, ...http2Ways];
    // As bytes: a tab, and U+00A0, U+0085, U+1680, U+2009, U+2028, U+3000 and a control character in UTF-8.
    const spaces = [
      '\t',
      '\xc2\xa0',
      '\xc2\x85',
      '\xe1\x9a\x80',
      '\xe2\x80\x89',
      '\xe2\x80\xa8',
      '\xe3\x80\x80',
      '\xc2\x9f',
    ];
    for (const way of ways) {
      for (const space of spaces) assert.equal(await way(token.replace('.', `${space}.`)), 401, space);
      for (const space of spaces.slice(1)) {
        assert.equal(await way(`${space}${token}`), 401, space);
        assert.equal(await way(`${token}${space}`), 401, space);
      }
    }
    for (const control of ['\0', '\n', '\x1b', '\x7f', ' ']) {
      assert.equal(await asSubprotocol(`${token}${control}`), 401);
    }
    assert.equal(reviews(plain.server) + reviews(secure.server), 0);
    const others = ['kubeconfig-u-x:secret', 'voil\xc3\xa0', '{"a"}', '\xef\xbb\xbftoken'];
    for (const [index, text] of others.entries()) {
      for (const way of ways) assert.ok([200, 101].includes(await way(text)), text);
      assert.equal(reviews(plain.server), index + 1);
    }
    // A WebSocket's token has to be UTF-8.
    for (const text of ['voil\xe0', 'one\xa0', '\x85one']) {
      for (const way of [inAuthorization('plain'), ...http2Ways]) assert.equal(await way(text), 200);
      assert.equal(await asSubprotocol(text), 401);
    }
  });

  test('cannot be reviewed while the API server is down or rejects the review: they get a 50x, which is not cached', async t => {
    const { server, tokens, proxy } = await start(t);
    tokens['alice-token'] = { username: 'alice' };
    let answer: number | undefined = 201;
    // Go writes a list that is not set as null.
    const user = { username: 'alice', groups: null, extra: { 'example.com/unset': null } };
    let body: object = { status: { authenticated: true, user, audiences: null } };
    server.intercept(({ url = '' }, response) => {
      if (answer === undefined || !url.endsWith('/tokenreviews')) return false;
      response.writeHead(answer, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
      return true;
    });
    assert.equal((await probe(proxy, server, 'plain', { headers: bearer('unset') })).code, 200);
    body = { status: {} };
    for (const leg of bothLegs) {
      for (const [status, code] of [
        [500, 503],
        [429, 503],
        [403, 500],
        [302, 503],
        [201, 401],
      ] as const) {
        answer = status;
        const token = `${leg}-${status}`;
        tokens[token] = { username: 'alice' };
        const { answer: got, arrived } = await probe(proxy, server, leg, { headers: bearer(token) });
        assertStatus(got, code, `${status}`);
        assert.equal(arrived.length, 0);
        answer = undefined;
        if (code !== 401) {
          assert.equal((await probe(proxy, server, leg, { headers: bearer(token) })).code, passed(leg));
        }
      }
    }
    await server.kill();
    for (const leg of bothLegs) {
      assertStatus((await probe(proxy, server, leg, { headers: bearer('fresh') })).answer, 503, leg);
    }
    await server.restart();
    await eventually(
      'the way back',
      async () => (await probe(proxy, server, 'plain', { headers: bearer('alice-token') })).code === 200,
    );
  });

  test('get a 502 while the API server refuses the proxy’s own credential, reviewed before or not', async t => {
    const { server, tokens, proxy } = await start(t);
    const { [proxyToken]: own } = tokens;
    assert.ok(own);
    const ask = () => probe(proxy, server, 'plain', { headers: bearer('alice-token') });
    const isRefused = async (what: string) => {
      delete tokens[proxyToken];
      const { answer } = await ask();
      assert.match(assertStatus(answer, 502, what), /^the API server refuses the proxy's own credential/);
    };
    tokens['alice-token'] = { username: 'alice' };
    await isRefused('the review');
    tokens[proxyToken] = own;
    await eventually('the review', async () => (await ask()).code === 200);
    await isRefused('a reviewed token');
  });

  test('are reviewed again when the server has another path, whatever the answer at the former path was', async t => {
    const { server, tokens, proxy, kubeconfig } = await start(t, {
      args: ['--append-server-path'],
      serverPath: '/c1',
    });
    tokens['alice-token'] = { username: 'alice' };
    tokens['next-of-the-proxy'] = { username: 'proxy' };
    const edited = (await readFile(kubeconfig, 'utf8'))
      .replace('/c1', '/c2')
      .replace(proxyToken, 'next-of-the-proxy');
    server.intercept(request => {
      const { url = '' } = request;
      // Two clusters behind one host; the second one does not know alice.
      if (url.startsWith('/c2')) delete tokens['alice-token'];
      request.url = url.replace(/^\/c[12]/, '');
      return false;
    });
    const asAlice = (leg: (typeof bothLegs)[number]) =>
      probe(proxy, server, leg, { headers: bearer('alice-token') });
    for (const leg of bothLegs) assert.equal((await asAlice(leg)).code, passed(leg));
    assert.equal(reviews(server), 1);
    await writeFile(kubeconfig, edited);
    // After a 401 the proxy reads its kubeconfig again at once.
    delete tokens[proxyToken];
    for (const { answer, arrived } of await Promise.all(bothLegs.map(asAlice))) {
      assert.match(assertStatus(answer, 503, 'the request that finds it out'), /replaced by another one/);
      assert.deepEqual(
        arrived.map(({ rawUrl }) => rawUrl.slice(0, 4)),
        ['/c1/'],
      );
    }
    for (const leg of bothLegs) {
      const { answer, arrived } = await asAlice(leg);
      assertStatus(answer, 401, leg);
      assert.equal(arrived.length, 0);
    }
    assert.equal(server.requests.filter(({ rawUrl }) => /^\/c2\/.*tokenreviews/.test(rawUrl)).length, 1);
  });

  test('say who the caller is below the path of the server’s URL alone', async t => {
    const { server, tokens, proxy } = await start(t, {
      serverPath: '/c1',
      server: { allow: user => user.username === 'proxy' || user.username === robot.username },
    });
    tokens['sa-token'] = robot;
    server.intercept(request => {
      // Two clusters behind one host, each with a namespace `shop`.
      request.url = request.url?.replace(/^\/c[12]/, '');
      return false;
    });
    const pod = '/api/v1/namespaces/default/pods/web-0';
    const ask = (path: string, leg: (typeof bothLegs)[number]) => {
      const target = `${path}${pod}${leg === 'plain' ? '' : '/exec?command=true&stdout=true'}`;
      return sendRaw(proxy.port, { leg, target, headers: bearer('sa-token') });
    };
    for (const leg of bothLegs) {
      assert.equal((await ask('/c1', leg)).code, passed(leg));
      for (const path of ['/c2', '']) {
        assert.match(assertStatus(await ask(path, leg), 403, path), /at the path of its URL/);
      }
    }
    const asRobot = server.requests.filter(({ headers }) => headers['impersonate-user'] === robot.username);
    assert.deepEqual(
      asRobot.map(({ rawUrl }) => rawUrl.slice(0, 4)),
      ['/c1/', '/c1/'],
    );
  });

  test('that are made up and wait for a slow review block neither other addresses nor recent callers', async t => {
    const clock = new ManualClock(Date.now());
    const { server, tokens, proxy } = await start(t, { clock });
    for (const name of ['alice', 'bob', 'carol']) tokens[name] = { username: 'alice' };
    const as = (name: string, leg: (typeof bothLegs)[number]) => {
      // No answer of the API server is remembered.
      clock.advance(120_000);
      return probe(proxy, server, leg, { headers: bearer(name) });
    };
    let held: Promise<void> | undefined;
    let release = () => {};
    server.intercept(async ({ url = '' }) => {
      if (url.endsWith('/tokenreviews')) await held;
      return false;
    });
    const attack = async (localAddress: string) => {
      const before = reviews(server);
      held = new Promise(resolve => {
        release = resolve;
      });
      const agent = new Agent({ localAddress });
      const answers = Array.from({ length: 140 }, (_, index) =>
        send(proxy.port, '/version', {
          headers: { authorization: `Bearer made-up-${localAddress}-${index}` },
          agent,
        }),
      );
      let turnedAway = 0;
      for (const answer of answers) {
        const count = ({ text }: { text: string }) => {
          if (/too many tokens/.test(text)) turnedAway += 1;
        };
        answer.then(count, () => {});
      }
      const reached = () => turnedAway === 12 && reviews(server) - before === 128;
      await eventually('the limit', reached);
      held = undefined;
      return release;
    };
    assert.equal((await as('bob', 'plain')).code, 200);
    const releases = [await attack('127.0.0.2')];
    for (const leg of bothLegs) assert.equal((await as('alice', leg)).code, passed(leg));
    releases.push(await attack('127.0.0.1'));
    for (const leg of bothLegs) {
      assert.equal((await as('bob', leg)).code, passed(leg));
      const { answer } = await as('carol', leg);
      assert.match(assertStatus(answer, 503, leg), /too many tokens from this address/);
      assert.equal(answer.headers.get('retry-after'), '1');
    }
    for (const end of releases) end();
    await eventually('the end of it', async () => (await as('carol', 'plain')).code === 200);
  });

  test('are reviewed even if the idle connection for it has broken unnoticed', async t => {
    const { server, tokens, proxy } = await start(t);
    const used = new WeakSet<object>();
    let cut = 0;
    server.intercept(({ url = '', socket }) => {
      if (url.endsWith('/tokenreviews') && used.has(socket)) {
        cut += 1;
        socket.destroy();
        return true;
      }
      used.add(socket);
      return false;
    });
    for (const token of ['one', 'two', 'three']) {
      tokens[token] = { username: 'alice' };
      assert.equal((await probe(proxy, server, 'plain', { headers: bearer(token) })).code, 200);
    }
    assert.ok(cut > 0);
  });

  test('must be for one of --api-audiences if there are any', async t => {
    const { server, tokens, proxy } = await start(t, { args: ['--api-audiences=gateway,other'] });
    tokens['for-gateway'] = { username: 'alice', audiences: ['gateway'] };
    tokens['for-api'] = { username: 'alice' };
    const codeOf = async (token: string) =>
      (await probe(proxy, server, 'plain', { headers: bearer(token) })).code;
    assert.equal(await codeOf('for-gateway'), 200);
    assert.equal(await codeOf('for-api'), 401);
    server.intercept(({ url = '' }, response) => {
      if (!url.endsWith('/tokenreviews')) return false;
      // A server that does not support audiences.
      const status = { authenticated: true, user: { username: 'alice' } };
      response.writeHead(201, { 'Content-Type': 'application/json' }).end(JSON.stringify({ status }));
      return true;
    });
    assert.equal(await codeOf('unaware'), 401);
  });

  test('are tried after those of the token file', async t => {
    const { server, tokens, proxy } = await start(t, { tokenFile: 'known,alice,,\n' });
    Object.assign(tokens, { known: { username: 'bob' }, own: { username: 'alice' } });
    for (const token of ['known', 'own']) {
      assert.equal((await probe(proxy, server, 'plain', { headers: bearer(token) })).code, 200);
    }
    assert.equal(reviews(server), 1);
  });
});

describe('the permission to impersonate', () => {
  test('is a check of readyz that names what is missing, as the log does at the start', async t => {
    let may: readonly string[] = ['users', 'groups'];
    const { server, proxy } = await start(t, {
      server: {
        allow: ({ username }, { verb, resource }) =>
          /^self/.test(resource) ||
          (username === 'proxy' && verb === 'impersonate' && may.includes(resource)),
      },
    });
    await eventually('the warning', () => /callers cannot be impersonated/.test(proxy.stderr()));
    const first = await health(proxy, 'readyz');
    assert.equal(first.status, 500);
    assert.match(
      first.text,
      /\[-\]impersonation failed: the proxy's identity may not impersonate uids \(authentication\.k8s\.io\), userextras\/authentication\.kubernetes\.io\/credential-id/,
    );
    may = ['users', 'groups', 'uids', 'userextras'];
    await eventually('the check', async () => (await health(proxy, 'readyz')).status === 200);
    const asked = server.requests.length;
    for (let index = 0; index < 20; index++) await health(proxy, 'readyz');
    const reviewsOfAccess = server.requests.slice(asked).filter(({ rawUrl }) => /selfsubject/.test(rawUrl));
    assert.equal(reviewsOfAccess.length, 0, 'the finding is shared');
  });

  test('is not checked if callers are not authenticated', async t => {
    const { server, proxy } = await startGateway(t, { run: startInProcess, server: { allow: () => false } });
    assert.doesNotMatch((await health(proxy, 'readyz')).text, /impersonation/);
    assert.equal(server.requests.filter(({ rawUrl }) => /selfsubject/.test(rawUrl)).length, 0);
  });
});
