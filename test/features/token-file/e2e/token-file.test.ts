import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { probe } from '../../../e2e/credential-probe.js';
import { send } from '../../../support/clients/http-client.js';
import { embeddedApiServer } from '../../../support/embedded-api-server.js';
import { eventually } from '../../../support/eventually.js';
import { replaceWithFifo } from '../../../support/fifo.js';
import { twoUsers } from '../../../support/identities/two-users.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startGateway } from '../../../support/proxy/stack.js';
import { replaceFile } from '../../../support/replaced-file.js';

const server = await embeddedApiServer({ after });

test('callers are known by the file as it changes, and by its last good content while it is bad', async t => {
  const { proxy, tokenFile, writeTokens } = await startGateway(t, {
    tokenFile: twoUsers,
    run: startInProcess,
    server,
  });
  const codeOf = async (token: string) =>
    (await probe(proxy, server, 'plain', { headers: [`Authorization: Bearer ${token}`] })).code;
  assert.equal(await codeOf('alice-token'), 200);
  await writeTokens('bob-token,bob,,\nnew-token,alice,,\n');
  await eventually('the new token', async () => (await codeOf('new-token')) === 200);
  assert.equal(await codeOf('alice-token'), 401);
  await writeTokens('secret-token\n');
  await eventually('the error line', () => /fewer than 3 columns/.test(proxy.stderr()));
  assert.equal(await codeOf('new-token'), 200);
  await replaceWithFifo(tokenFile);
  await eventually('its next error line', () => /is a pipe that no program writes to/.test(proxy.stderr()));
  assert.equal(await codeOf('new-token'), 200);
  await replaceFile(tokenFile, 'last-token,alice,,\n');
  await eventually('the last token', async () => (await codeOf('last-token')) === 200);
  assert.doesNotMatch(proxy.stderr(), /secret-token/);
  const { text } = await send(proxy.port, '/-/metrics', { headers: { authorization: 'Bearer last-token' } });
  for (const result of ['success', 'failure']) {
    assert.ok(text.includes(`kube_api_proxy_token_auth_file_reloads_total{result="${result}"} 2\n`));
  }
});
