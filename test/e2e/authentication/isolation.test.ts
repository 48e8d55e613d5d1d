import assert from 'node:assert/strict';
import http from 'node:http';
import { after, describe, type TestContext, test } from 'node:test';
import { identityHeaders } from '../../support/clients/header-lines.js';
import { send } from '../../support/clients/http-client.js';
import { connectRaw } from '../../support/clients/raw-http.js';
import { selfReview, selfReviewPath } from '../../support/clients/self-review.js';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { twoUsers } from '../../support/identities/two-users.js';
import { startGateway } from '../../support/proxy/stack.js';
import { legs } from '../leg.js';

const alice = 'Authorization: Bearer alice-token';
const bob = 'Authorization: Bearer bob-token';

const server = await embeddedApiServer({ after });
const judged = await startGateway({ after }, { tokenFile: twoUsers, server });

/** A gateway to an embedded API server that allows everything. */
const startOpen = (t: TestContext) => startGateway(t, { tokenFile: twoUsers, server: { allow: () => true } });

describe('requests on one connection', () => {
  test('have their callers authenticated one by one, however they follow each other', async t => {
    const { proxy } = judged;
    const pod = '/api/v1/namespaces/default/pods/web-0';
    const request = (mark: string, ...headers: string[]) =>
      `GET ${pod}?mark=${mark} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers.map(line => `${line}\r\n`).join('')}\r\n`;
    const connection = await connectRaw(proxy.port);
    t.after(() => connection.destroy());
    connection.write(
      request('a', alice) +
        request('b') +
        request('c', bob) +
        request('d', alice) +
        request('e', 'Connection: close'),
    );
    const codes = [...(await connection.untilClosed()).matchAll(/HTTP\/1\.1 (\d+) /g)].map(
      ([, code]) => code,
    );
    assert.deepEqual(codes, ['200', '401', '403', '200', '401']);
    const arrived = (await server.arrivals()).filter(({ target }) => target.includes('mark='));
    assert.deepEqual(
      arrived.map(({ target, impersonated }) => [target.at(-1), impersonated?.username]).sort(),
      [
        ['a', 'alice'],
        ['c', 'bob'],
        ['d', 'alice'],
      ],
    );
  });

  test('do not pass their caller on to the bytes after a refused upgrade or to the bytes of a body', async () => {
    const { proxy } = judged;
    const hidden = 'GET /api/v1/namespaces/default/pods?hidden HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
    const exec = '/api/v1/namespaces/default/pods/web-0/exec?command=true&stdout=true';
    for (const [what, head] of [
      [
        'a refused upgrade',
        `GET ${exec} HTTP/1.1\r\nHost: 127.0.0.1\r\n${bob}\r\n${legs.websocket.join('\r\n')}`,
      ],
      [
        'an upgrade without a caller',
        `GET ${exec} HTTP/1.1\r\nHost: 127.0.0.1\r\n${legs.websocket.join('\r\n')}`,
      ],
      [
        'a body',
        `POST /api/v1/namespaces/default/pods HTTP/1.1\r\nHost: 127.0.0.1\r\n${alice}\r\nConnection: close\r\n` +
          `Content-Length: ${hidden.length}`,
      ],
    ] as const) {
      const connection = await connectRaw(proxy.port);
      connection.write(`${head}\r\n\r\n${hidden}`);
      const answer = await connection.untilClosed();
      assert.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 1, what);
      const arrived = (await server.arrivals()).filter(({ target }) => target.endsWith('?hidden'));
      assert.equal(arrived.length, 0, what);
    }
  });
});

describe('two callers on one pool of connections', () => {
  test('never get each other’s answers, over hundreds of interleaved requests', async t => {
    const { server, proxy } = await startOpen(t);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
    t.after(() => agent.destroy());
    const review = async (name: string) => {
      const { status, json } = await send(proxy.port, selfReviewPath, {
        method: 'POST',
        headers: { authorization: `Bearer ${name}-token`, 'content-type': 'application/json' },
        body: selfReview,
        agent,
      });
      assert.equal(status, 201);
      return (json as { status: { userInfo: { username: string } } }).status.userInfo.username;
    };
    const echo = async (name: string, index: number) => {
      const path = `/api/v1/namespaces/default/services/web/proxy/${name}/${index}`;
      const { json } = await send(proxy.port, path, {
        headers: { authorization: `Bearer ${name}-token`, 'x-mark': `${name}-${index}` },
        agent,
      });
      return JSON.stringify(json);
    };
    const none = (index: number) => send(proxy.port, `/version?none=${index}`, { agent });
    const names = Array.from({ length: 120 }, (_, index) => (index % 3 === 0 ? 'alice' : 'bob'));
    await Promise.all(
      names.map(async (name, index) => {
        assert.equal(await review(name), name);
        const other = name === 'alice' ? 'bob' : 'alice';
        const echoed = await echo(name, index);
        assert.ok(echoed.includes(`${name}-${index}`) && !echoed.includes(other), echoed);
        if (index % 10 === 0) assert.equal((await none(index)).status, 401);
      }),
    );
    const own = server.requests.filter(({ headers }) => headers['user-agent'] !== 'kube-api-proxy');
    assert.equal(own.length, 2 * names.length);
    for (const { rawHeaders, rawUrl } of own) {
      const identity = identityHeaders(rawHeaders).join();
      assert.doesNotMatch(identity, /alice-token|bob-token/);
      const [, name] = /proxy\/(\w+)\//.exec(rawUrl) ?? [];
      if (name !== undefined) assert.match(identity, new RegExp(`Impersonate-User,${name},`));
      assert.equal(identity.match(/impersonate-user/gi)?.length, 1);
    }
    assert.ok(server.connectionsAccepted < 100, 'connections are used again');
  });
});
