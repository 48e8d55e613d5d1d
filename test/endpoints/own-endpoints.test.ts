import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { clusters as clustersEndpoint } from '../../src/endpoints/clusters.js';
import type { OwnEndpointParts } from '../../src/endpoints/own-endpoint.js';
import { send } from '../support/clients/http-client.js';
import { startFakeApiServer } from '../support/fake-api-server/fake-api-server.js';
import { clusterStates, untilState } from '../support/proxy/cluster-states.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';

const server = await startFakeApiServer();
after(() => server.kill());
const ca = server.authority.certificate;
const { path } = await writeKubeconfig({ server: server.url, ca, ...server.clientCertificate });
const { port } = await startInProcess({ after }, [`--kubeconfig=${path}`, '--api-prefix=/k8s/']);

it('the index is HTML for a browser and text for others, and lists what is below it', async () => {
  const html = await send(port, '/-/', { headers: { Accept: 'text/html,*/*;q=0.8' } });
  const text = await send(port, '/-/');
  assert.equal(html.headers['content-type'], 'text/html; charset=utf-8');
  assert.match(html.headers['content-security-policy'] as string, /^default-src 'none'/);
  assert.equal(text.headers['content-type'], 'text/plain; charset=utf-8');
  for (const { headers } of [html, text])
    assert.deepEqual([headers.vary, headers['referrer-policy']], ['Accept', 'no-referrer']);
  for (const [name, title] of [
    ['clusters', 'the clusters that are served, and their state'],
    ['metrics', "the proxy's own metrics"],
    ['livez', 'whether the process answers'],
    ['readyz', 'whether requests can be served; ?verbose lists the checks'],
  ] as const) {
    assert.ok(html.text.includes(`\n<dt><a href="${name}">/-/${name}</a><dd>${title}\n`), name);
    assert.ok(text.text.includes(`/-/${name.padEnd(12)}${title}\n`), name);
    assert.ok((await send(port, `/-/${name}`)).status < 400, name);
  }
  assert.doesNotMatch(html.text + text.text, /this index/);
});

it('/-/livez and /-/readyz answer in text that nobody keeps, with the checks if the query asks for them', async () => {
  for (const [query, body] of [
    ['', /^ok$/],
    ['?a', /^ok$/],
    ['?verbose', /^\[\+\]ping ok\n[\s\S]*z check passed\n$/],
  ] as const)
    for (const name of ['livez', 'readyz']) {
      const { text, headers } = await send(port, `/-/${name}${query}`);
      assert.match(text, body, name + query);
      assert.equal(headers['content-type'], 'text/plain; charset=utf-8');
      assert.equal(headers['cache-control'], 'no-cache, private');
    }
});

const noClusters = {
  shownTo: async () => ({ names: new Set(), unknown: new Set() }),
  clusterStates: async () => [],
  registry: { default: {} },
};

describe('/-/clusters', () => {
  it('names the path of the API and the state of the cluster at /, even without --all-contexts', async () => {
    // The state is `ready` when the API server has answered, for which one answer of the program waits a second.
    const [name = ''] = (await clusterStates(port)).keys();
    await untilState(port, name, 'ready');
    const { status, headers, json } = await send(port, '/-/clusters');
    assert.deepEqual([status, headers['content-type']], [200, 'application/json; charset=utf-8']);
    assert.equal(headers['cache-control'], 'no-store');
    const { clusters, ...rest } = json as { readonly clusters: readonly Record<string, unknown>[] };
    assert.deepEqual(rest, {
      root: { path: '/k8s' },
      ...{ sandboxesProxiedPages: false, sharesTokens: false, hasOwnAuthority: false },
    });
    assert.equal(clusters.length, 1);
    const [{ path, current, server: address, state } = {}] = clusters;
    assert.deepEqual([path, current, address, state], ['/k8s', true, server.url, 'ready']);
  });

  it('tells callers who they are, and nothing of it where callers are not authenticated', async () => {
    const answer = clustersEndpoint.create({
      ...{ ...noClusters, apiPaths: {}, tokenRules: {} },
      ...{ addressFor: () => undefined, certificate: () => undefined },
    } as unknown as OwnEndpointParts) as (...of: unknown[]) => Promise<string>;
    const told = async (caller?: object) =>
      JSON.parse(await answer({ context: { caller } }, { headers() {} })).caller;
    assert.equal(await told(), undefined);
    assert.deepEqual(await told({ username: 'alice', groups: ['dev'] }), { username: 'alice' });
  });

  it('says what the caller is shown, what of it is unknown, and whether it is all', async () => {
    const answer = clustersEndpoint.create({
      ...{ ...noClusters, tokenRules: {}, addressFor: () => undefined, certificate: () => undefined },
      registry: { default: { name: 'root' } },
      apiPaths: { root: '/p/of-url', prefix: '/p', of: (name: string) => `/clusters/${name}` },
      shownTo: async (caller?: { readonly names: readonly string[] }) => {
        return { names: new Set(caller?.names), unknown: new Set(['b']), isComplete: false };
      },
      clusterStates: async (names: ReadonlySet<string>) => [...names].map(name => ({ name })),
    } as unknown as OwnEndpointParts) as (...of: unknown[]) => Promise<string>;
    const told = async (...names: string[]) =>
      JSON.parse(await answer({ context: { caller: { names } } }, { headers() {} }));
    const b = { name: 'b', path: '/clusters/b', access: 'unknown' };
    assert.deepEqual(await told('b'), {
      ...{ root: { path: '/p' }, isComplete: false, hasOwnAuthority: false, caller: {} },
      clusters: [b],
    });
    const { root, clusters } = await told('root', 'b');
    assert.deepEqual(root, { path: '/p/of-url' });
    assert.deepEqual(clusters, [{ name: 'root', path: '/clusters/root' }, b]);
  });

  it('tells of the certificate’s authority only if the certificate is for the address that the caller used', async () => {
    const own = { isPublic: false, isFor: (name: string) => name === 'localhost' };
    for (const [address, certificate, expected] of [
      ['https://localhost:1', own, true],
      ['http://localhost:1', own, false],
      ['https://gw.example', own, false],
      ['https://localhost:1', { ...own, isPublic: true }, false],
      ['https://localhost:1', undefined, false],
      [undefined, own, false],
    ] as const) {
      const answer = clustersEndpoint.create({
        ...{ ...noClusters, apiPaths: {}, tokenRules: {} },
        ...{ addressFor: () => address, certificate: () => certificate },
      } as unknown as OwnEndpointParts) as (...of: unknown[]) => Promise<string>;
      const { hasOwnAuthority } = JSON.parse(await answer({ context: {} }, { headers() {} }));
      assert.equal(hasOwnAuthority, expected, `${address} ${JSON.stringify(certificate)}`);
    }
  });
});
