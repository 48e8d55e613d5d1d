import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { send as sendRaw } from '../e2e/leg.js';
import { send } from '../support/clients/http-client.js';
import { embeddedApiServer } from '../support/embedded-api-server.js';
import { eventuallyPasses } from '../support/eventually.js';
import { twoUsers } from '../support/identities/two-users.js';
import { startGateway, startStack } from '../support/proxy/stack.js';

const server = await embeddedApiServer({ after });
const target = '/api/v1/namespaces/default/pods';
const line = String.raw`--cors-allowed-origins='^https://headlamp\.example$'`;
const headers = ['Origin: https://headlamp.example', 'Sec-Fetch-Site: same-origin'];

test('a rejected page is named with the line that allows it: in the answer on every leg, once in the log, and by readyz to callers alone', async () => {
  const { proxy } = await startGateway({ after }, { server, tokenFile: twoUsers });
  const credential = 'Authorization: Bearer alice-token';
  for (const leg of ['plain', 'websocket', 'spdy'] as const) {
    const method = leg === 'plain' ? 'DELETE' : 'GET';
    const answer = await sendRaw(proxy.port, { leg, method, target, headers: [...headers, credential] });
    const { message, code } = JSON.parse(answer.body) as { message: string; code: number };
    assert.equal(code, 403);
    assert.ok(message.includes('("https://headlamp.example") may not do this; '), message);
    assert.ok(message.includes(`, add ${line} (`), message);
  }
  const readyz = async (headers: Readonly<Record<string, string>> = {}) =>
    (await send(proxy.port, '/-/readyz?verbose', { headers })).text;
  const known = await readyz({ authorization: 'Bearer alice-token' });
  assert.match(known, /^warn: within the last hour, requests of web pages of other origins were rejected/m);
  assert.ok(known.includes(line), known);
  const unknown = await readyz();
  assert.match(unknown, /^warn: within the last hour, .* the log, and readyz with a credential, name them$/m);
  assert.doesNotMatch(unknown, /headlamp/);
  // Its lines are written in batches.
  await eventuallyPasses(() => {
    const logged = proxy.log().filter(({ origin }) => origin !== undefined);
    assert.deepEqual(
      logged.map(({ level, msg, origin, reason, allow }) => ({ level, msg, origin, reason, allow })),
      [
        {
          ...{ level: 40, msg: 'rejected a request of a web page of another origin' },
          ...{ origin: 'https://headlamp.example', reason: 'origin', allow: line },
        },
      ],
    );
  });
});

test('without authentication, readyz names the pages to everybody', async () => {
  const { proxy } = await startStack({ after }, { server });
  const answer = await sendRaw(proxy.port, {
    target,
    headers: ['Origin: https://headlamp.example', 'Sec-Fetch-Site: cross-site'],
  });
  assert.match(
    answer.body,
    /a web page of another site \(\\"https:\/\/headlamp\.example\\"\) may only link here/,
  );
  const { text } = await send(proxy.port, '/-/readyz?verbose');
  assert.ok(text.includes(line), text);
});
