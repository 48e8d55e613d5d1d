import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import tls from 'node:tls';
import { type AttackRequest, assertStatus, type Leg, legs, parseAnswer, send, toBytes } from '../e2e/leg.js';
import { requestsReaching } from '../e2e/requests-reaching.js';
import { type CertificatePair, createCertificateAuthority } from '../support/certificates/certificates.js';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { tokenProtocol } from '../support/clients/header-lines.js';
import { ask, connectHttp2 } from '../support/clients/http2-client.js';
import { collectText } from '../support/collected-text.js';
import { embeddedApiServer } from '../support/embedded-api-server.js';
import { twoUsers } from '../support/identities/two-users.js';
import { startUpProblems } from '../support/proxy/in-process.js';
import { startGateway } from '../support/proxy/stack.js';

const server = await embeddedApiServer({ after });
const files = await createServingFiles();
const authority = await createCertificateAuthority({ commonName: 'clients' });
const alice = await authority.client({ commonName: 'alice' });
const callers = `--client-ca-file=${await files.replace('clients.crt', authority.certificate)}`;
const base = { server, tokenFile: twoUsers } as const;
const flag = '--accept-token-pages';
const [open, strict, unfiltered, secure] = await Promise.all([
  startGateway({ after }, { ...base, flags: [flag] }),
  startGateway({ after }, base),
  startGateway({ after }, { ...base, flags: [flag, '--disable-filter'] }),
  startGateway({ after }, { ...base, flags: [flag, callers], tls: files }),
]);
const { reached } = requestsReaching(() => server);
const allLegs = Object.keys(legs) as Leg[];

const pod = '/api/v1/namespaces/default/pods/web-0';
const token = 'Authorization: Bearer alice-token';
const protocolOf = (text: string) => `Sec-WebSocket-Protocol: ${tokenProtocol(text)}`;

/** What browsers send with a page's request, by the page. */
const pages: Readonly<Record<string, readonly string[]>> = {
  'Headlamp’s desktop': ['Origin: file://', 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: cors'],
  'a sandboxed page': ['Origin: null', 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Dest: empty'],
  'a page of the same site, with a cookie': [
    ...['Origin: http://127.0.0.1:9001', 'Sec-Fetch-Site: same-site', 'Cookie: headlamp-auth=x'],
  ],
};

/** Every way in which a page of another site sends a request without asking first, and what a server in front of the gateway makes of it. */
const attacks: Readonly<Record<string, readonly [method: string, headers: readonly string[]]>> = {};
const sites = ['cross-site', 'same-site', 'x', 'same-origin, cross-site'];
const modes = [
  ['GET', 'navigate', 'iframe'],
  ['GET', 'no-cors', 'image'],
  ['GET', 'no-cors', 'script'],
  ['HEAD', 'no-cors', 'empty'],
  ['POST', 'no-cors', 'empty'],
  ['POST', 'navigate', 'document'],
  ['POST', 'navigate', 'iframe'],
  ['GET', 'navigate', 'object'],
  ['GET', 'cors', 'empty'],
  ['POST', 'cors', 'empty'],
  ['OPTIONS', 'cors', 'empty'],
  ['GET', 'websocket', 'empty'],
] as const;
for (const site of sites) {
  for (const [method, mode, dest] of modes) {
    Object.assign(attacks, {
      [`${method} ${mode} ${dest} ${site}`]: [
        method,
        [
          ...[`Sec-Fetch-Site: ${site}`, `Sec-Fetch-Mode: ${mode}`, `Sec-Fetch-Dest: ${dest}`],
          ...(method === 'GET' && mode !== 'cors' && mode !== 'websocket'
            ? []
            : ['Origin: https://evil.example']),
        ],
      ],
    });
  }
}
Object.assign(attacks, {
  'a prefetch by speculation rules': [
    'GET',
    ['Sec-Fetch-Site: none', 'Sec-Purpose: prefetch', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document'],
  ],
});

/** Asserts that a request gets this code on every leg, and reaches no API server. */
async function assertRejected(
  port: number,
  { headers = [], ...request }: AttackRequest,
  code: number,
  what: string,
) {
  for (const leg of allLegs) {
    const answer = await send(port, { leg, ...request, headers });
    assert.equal(answer.code, code, `${what} (${leg}): ${answer.raw.slice(0, 300)}`);
    if (request.method !== 'HEAD') assertStatus(answer, code, what);
  }
  assert.deepEqual(await reached(), [], what);
}

/** Asks with a client certificate over TLS. */
async function askSecure(request: AttackRequest, pair?: CertificatePair) {
  const socket = tls.connect({
    ...{ host: '127.0.0.1', port: secure.port, ca: files.authority.certificate },
    ...(pair && { cert: pair.certificate, key: pair.key }),
  });
  const text = collectText(socket);
  const ended = new Promise<void>(resolve => {
    socket.on('close', () => resolve());
    socket.on('data', () => / 101 .*\r\n\r\n/s.test(text()) && socket.destroy());
  });
  socket.write(toBytes(request));
  await ended;
  return parseAnswer(text());
}

describe('--accept-token-pages', () => {
  for (const [page, headers] of Object.entries(pages)) {
    test(`lets ${page} write, watch and open a shell with a token in Authorization, and not without the flag`, async () => {
      for (const [request, code] of [
        [{ method: 'DELETE', target: `${pod}-none` }, 404],
        [{ leg: 'websocket', target: `${pod}/exec?command=echo&stdout=1` }, 101],
        [{ leg: 'websocket', target: '/api/v1/namespaces/default/pods?watch=1' }, 101],
      ] as const) {
        const sent = { ...request, headers: [...headers, token] };
        for (const { port } of [open, unfiltered]) assert.equal((await send(port, sent)).code, code, page);
        assert.equal((await askSecure(sent)).code, code, page);
        assertStatus(await send(strict.port, sent), 403, page);
        // Nobody asks who the caller is before the page is judged.
        const bad = { ...request, headers: [...headers, 'Authorization: Bearer no-token'] };
        assertStatus(await send(open.port, bad), 401, page);
      }
    });
  }

  test('changes nothing for a request that brings no valid token in Authorization: each is refused, as it is by default with any', async () => {
    assert.ok(Object.keys(attacks).length >= 45);
    for (const [what, [method, headers]] of Object.entries(attacks)) {
      const attack = { target: pod, method, headers };
      await assertRejected(open.port, attack, 403, what);
      const garbage = [...headers, 'Authorization: Bearer garbage'];
      await assertRejected(open.port, { ...attack, headers: garbage }, 401, `${what}, garbage`);
      await assertRejected(
        strict.port,
        { ...attack, headers: [...headers, token] },
        403,
        `${what}, by default`,
      );
    }
  });

  test('changes nothing for a token of a WebSocket subprotocol, which any page can send through its visitor’s network', async () => {
    const leg = 'websocket';
    for (const text of ['alice-token', 'garbage']) {
      for (const site of sites) {
        const headers = [protocolOf(text), `Sec-Fetch-Site: ${site}`, 'Origin: https://evil.example'];
        for (const target of [`${pod}/exec?command=id&stdout=1`, '/api/v1/pods?watch=1', '/-/clusters']) {
          assertStatus(await send(open.port, { leg, target, headers }), 403, `${text} ${site} ${target}`);
          if (target === '/-/clusters') continue;
          const code = text === 'garbage' ? 401 : 403;
          assertStatus(
            await send(unfiltered.port, { leg, target, headers }),
            code,
            `${text} ${site} ${target}`,
          );
        }
      }
    }
    // Without Sec-Fetch-Site, as on http:// other than loopback, the origin decides.
    const headers = [protocolOf('alice-token'), 'Origin: https://evil.example'];
    const answer = await send(open.port, { leg, target: `${pod}/exec?command=id`, headers });
    assert.match(assertStatus(answer, 403, 'no metadata'), /another origin/);
    assert.deepEqual(await reached(), []);
  });

  test('changes nothing for a caller whom a client certificate has decided, with a token or without one', async () => {
    for (const credential of [[], [token]]) {
      for (const leg of allLegs) {
        for (const [what, [method, headers]] of Object.entries(attacks)) {
          const answer = await askSecure(
            { leg, target: pod, method, headers: [...headers, ...credential] },
            alice,
          );
          assert.equal(answer.code, 403, `${what} (${leg}): ${answer.raw.slice(0, 200)}`);
        }
      }
    }
    assert.deepEqual(await reached(), []);
  });

  test('changes nothing for a page of another site whose request has a cookie: a server may have turned that into the token', async () => {
    for (const [what, [method, headers]] of Object.entries(attacks)) {
      if (headers.includes('Sec-Fetch-Site: same-site')) continue;
      const sent = [...headers, token, 'Cookie: _oauth2_proxy=x'];
      await assertRejected(open.port, { target: pod, method, headers: sent }, 403, what);
    }
    for (const method of ['DELETE', 'POST']) {
      const headers = ['Sec-Fetch-Site: cross-site', token, 'Cookie: a=b'];
      await assertRejected(unfiltered.port, { target: pod, method, headers }, 403, 'without the filter');
    }
  });

  test('does the same over HTTP/2', async t => {
    const ca = files.authority.certificate;
    const [plain, certified] = await Promise.all([
      connectHttp2(secure.port, ca),
      connectHttp2(secure.port, ca, { cert: alice.certificate, key: alice.key }),
    ]);
    t.after(() => [plain, certified].map(session => session.destroy()));
    const page = { ':method': 'DELETE', origin: 'file://', 'sec-fetch-site': 'cross-site' };
    const authorization = 'Bearer alice-token';
    const status = async (session: typeof plain, headers: object) =>
      (await ask(session, `${pod}-none`, { headers: { ...page, ...headers } })).status;
    assert.equal(await status(plain, { authorization }), 404);
    assert.equal(await status(plain, { authorization: 'Bearer garbage' }), 401);
    assert.equal(await status(plain, { authorization, cookie: 'a=b' }), 403);
    assert.equal(await status(plain, { authorization, cookie: 'a=b', 'sec-fetch-site': 'same-site' }), 404);
    assert.equal(await status(plain, {}), 403);
    assert.equal(await status(certified, {}), 403);
    assert.equal(await status(certified, { authorization }), 403);
  });

  test('needs a method that takes tokens', async () => {
    const needs =
      /^--accept-token-pages needs a method of authentication that takes bearer tokens \(--token-auth-file/m;
    assert.match((await startUpProblems([flag])).join('\n'), needs);
    assert.match((await startUpProblems([flag, callers, ...files.flags])).join('\n'), needs);
  });
});
