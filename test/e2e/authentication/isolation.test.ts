import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { connectRaw } from '../../support/clients/raw-http.js';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { twoUsers } from '../../support/identities/two-users.js';
import { startGateway } from '../../support/proxy/stack.js';

const alice = 'Authorization: Bearer alice-token';
const bob = 'Authorization: Bearer bob-token';

const server = await embeddedApiServer({ after });
const judged = await startGateway({ after }, { tokenFile: twoUsers, server });

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
});
