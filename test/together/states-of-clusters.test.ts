import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { assertStatus, send } from '../e2e/leg.js';
import { send as sendPlain } from '../support/clients/http-client.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startManyClusters, startManyStack } from '../support/proxy/many-clusters.js';

const clusters = await startManyClusters({ after });
clusters.tokens.one['only-one'] = { username: 'user-of-one' };
clusters.tokens.two['only-two'] = { username: 'user-of-two' };
const tokenFile = join(clusters.folder, 'tokens.csv');
await writeFile(tokenFile, 'file-token,fiona,,\n');

describe('/-/clusters with token reviews', () => {
  const headers = (token: string) => ({ authorization: `Bearer ${token}` });

  test('says that a token is not valid in all clusters, if an API server reviews it', async t => {
    for (const [flags, token] of [
      [['--authentication-token-webhook'], 'only-one'],
      [[`--token-auth-file=${tokenFile}`, '--authentication-token-webhook'], 'file-token'],
    ] as const) {
      const { port } = await startManyStack(t, { clusters, run: startInProcess, flags });
      const { json } = await sendPlain(port, '/-/clusters', { headers: headers(token) });
      const { sharesTokens, sandboxesProxiedPages } = json as Record<string, unknown>;
      assert.deepEqual([sharesTokens, sandboxesProxiedPages], [false, true], flags.join(' '));
    }
  });

  test('accepts a token that the current cluster accepts, and not one of another cluster', async t => {
    const flags = ['--authentication-token-webhook'];
    const { port } = await startManyStack(t, { clusters, run: startInProcess, flags });
    assert.equal((await sendPlain(port, '/-/clusters', { headers: headers('only-one') })).status, 200);
    assert.equal((await sendPlain(port, '/-/clusters', { headers: headers('only-two') })).status, 401);
    assertStatus(
      await send(port, { target: '/clusters/nope', headers: ['Authorization: Bearer only-one'] }),
      404,
      '',
    );
    assertStatus(
      await send(port, { target: '/clusters/nope', headers: ['Authorization: Bearer only-two'] }),
      401,
      '',
    );
  });
});
