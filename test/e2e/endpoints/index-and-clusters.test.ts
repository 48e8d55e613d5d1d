import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { anyApiServer } from '../../support/any-api-server.js';
import { send } from '../../support/clients/http-client.js';
import { clusterStates, untilState } from '../../support/proxy/cluster-states.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startStack } from '../../support/proxy/stack.js';

const scope = { after };
const server = await anyApiServer(scope);
const { port } = await startStack(scope, { run: startInProcess, server, flags: ['--api-prefix=/k8s/'] });

describe('the index', () => {
  it('is HTML for a browser and text for others, and lists what is below it', async () => {
    const html = await send(port, '/-/', { headers: { Accept: 'text/html,*/*;q=0.8' } });
    const text = await send(port, '/-/');
    assert.equal(html.headers['content-type'], 'text/html; charset=utf-8');
    assert.match(html.headers['content-security-policy'] as string, /^default-src 'none'/);
    assert.equal(text.headers['content-type'], 'text/plain; charset=utf-8');
    for (const name of ['clusters', 'metrics', 'livez', 'readyz']) {
      assert.ok(html.text.includes(`<a href="${name}">`), name);
      assert.match(text.text, new RegExp(`^/-/${name} `, 'm'));
      assert.ok((await send(port, `/-/${name}`)).status < 400, name);
    }
  });
});

it('/-/clusters names the path of the API and the state of the cluster at /, even without --all-contexts', async () => {
  // The state is `ready` when the API server has answered, for which one answer of the program waits a second.
  const [name = ''] = (await clusterStates(port)).keys();
  await untilState(port, name, 'ready');
  const { status, json } = await send(port, '/-/clusters');
  assert.equal(status, 200);
  const { root, sandboxesProxiedPages, sharesTokens, clusters } = json as {
    readonly root: unknown;
    readonly sandboxesProxiedPages: boolean;
    readonly sharesTokens: boolean;
    readonly clusters: readonly Record<string, unknown>[];
  };
  assert.deepEqual(root, { path: '/k8s' });
  assert.deepEqual([sandboxesProxiedPages, sharesTokens], [false, false]);
  assert.equal(clusters.length, 1);
  const [{ path, current, server: address, state } = {}] = clusters;
  assert.deepEqual([path, current, address, state], ['/k8s', true, server.url, 'ready']);
});
