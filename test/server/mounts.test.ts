import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Cluster } from '../../src/clusters/cluster.js';
import { apiRoute, createMounts, filesMount, type MountOptions } from '../../src/server/mounts.js';

type Destination = 'api' | 'static' | 'none' | 'own';

/** The route of one of the proxy's own endpoints is its path. */
const routes: Partial<Record<Destination, string>> = {
  api: apiRoute,
  static: filesMount.route,
  none: '/none',
};

function mountsOf(options: Partial<MountOptions>, names: readonly string[] = []) {
  const clusters = new Map(names.map(name => [name, { name } as Cluster]));
  return createMounts(
    {
      apiPrefix: '/',
      wwwPrefix: undefined,
      appendServerPath: false,
      servesClusters: names.length > 0,
      basePath: '',
      ...options,
    },
    { default: {} as Cluster, names: new Set(names), get: name => clusters.get(name) },
    ['', 'metrics', 'livez', 'folder/'].map(name => ({ name, access: 'caller' })),
  );
}

/** Asserts where requests go with these prefixes: the targets of each destination, with a space between two of them. */
function checks(
  prefixes: { apiPrefix: string; wwwPrefix?: string },
  expected: Partial<Record<Destination, string>>,
): void {
  const destinationOf = mountsOf(prefixes);
  for (const [destination, targets] of Object.entries(expected) as [Destination, string][])
    for (const rawUrl of targets.split(' '))
      assert.equal(destinationOf(rawUrl).mount.route, routes[destination] ?? rawUrl, rawUrl);
}

function createStripPrefix(apiPrefix: string): (rawUrl: string) => string {
  const destinationOf = mountsOf({ apiPrefix });
  return rawUrl => destinationOf(rawUrl).target;
}

describe('the destination of a request', () => {
  it('is the API server for everything except /-/ by default', () => {
    checks(
      { apiPrefix: '/' },
      {
        api: '/ /api /metrics /static/x /- /-x/metrics //-/metrics /%2d/metrics',
        own: '/-/metrics /-/livez /-/ /-/folder/',
        none: '/-/folderx /-/x/ /-/livez/ /-/%66older/ /-/../api /-/%6detrics',
      },
    );
  });

  it('of an endpoint that is a folder has all paths below it, and a folder of files only those below its prefix', () => {
    const destinationOf = mountsOf({});
    for (const path of ['/-/folder', '/-/folder?x', '/-/folder/x', '/-/folder/x/y?z'])
      assert.equal(destinationOf(path).mount.route, '/-/folder/', path);
    checks(
      { apiPrefix: '/', wwwPrefix: '/static/' },
      {
        static: '/static/ /static/a /static /static?x /static?/static/',
        api: '/staticx /Static/ //static/ /api?/static/ /%73tatic/a',
      },
    );
  });

  it('does not exist outside the API prefix', () => {
    checks(
      { apiPrefix: '/custom/' },
      {
        api: '/custom/api /custom /custom?x',
        none: '/customs / /api /CUSTOM/api /%63ustom/api //custom/api /?/custom/',
        own: '/-/livez',
      },
    );
  });

  it('depends on the longer of two prefixes if one is within the other', () => {
    checks({ apiPrefix: '/k8s/', wwwPrefix: '/' }, { api: '/k8s/api /k8s', static: '/k8 /' });
    checks(
      { apiPrefix: '/k8s/', wwwPrefix: '/k8s/ui/' },
      { static: '/k8s/ui/ /k8s/ui', api: '/k8s/api', none: '/ui/' },
    );
  });

  it('is left to the guards, as for the API server, if the target is not a path', () => {
    checks({ apiPrefix: '/custom/', wwwPrefix: '/static/' }, { api: 'http://x/custom/ * x:1 ?' });
  });
});

it('the API prefix is removed, and the rest does not change; it is kept if it is / or begins with /api, as in kubectl', () => {
  const strip = createStripPrefix('/custom/');
  for (const [sent, stripped] of [
    ['/custom/', '/'],
    ['/custom', '/'],
    ['/custom?watch=1', '/?watch=1'],
    ['/custom/api/v1?a=%2f', '/api/v1?a=%2f'],
    ['/custom//api', '//api'],
    ['/custom/custom/api', '/custom/api'],
    ['/custom/../api', '/../api'],
    ['/custom/%2e%2e/api', '/%2e%2e/api'],
    ['http://x/custom/api', 'http://x/custom/api'],
    ['*', '*'],
  ] as const) {
    assert.equal(strip(sent), stripped);
  }
  for (const prefix of ['/', '/api/', '/apis/', '/api/v1/']) {
    assert.equal(createStripPrefix(prefix)('/api/v1/pods'), '/api/v1/pods', prefix);
  }
});

describe('a path below /clusters/', () => {
  const arn = 'arn:aws:eks:eu-west-1:123:cluster/x@y';
  const names = ['dev', 'a', 'a/api', arn, 'with space', 'ü', '100%'];
  const find = mountsOf({ apiPrefix: '/k8s/', wwwPrefix: '/' }, names);
  const goesTo = (rawUrl: string, name: string, target: string) => {
    const { mount, cluster, target: found, prefix } = find(rawUrl);
    assert.deepEqual([mount.namesContext, cluster.name, found], [true, name, target], rawUrl);
    assert.ok(rawUrl.startsWith(prefix), prefix);
  };

  it('goes to the longest matching name of a context, wherever the API is, with its slashes plain or encoded', () => {
    goesTo('/clusters/dev/api/v1?watch=1', 'dev', '/api/v1?watch=1');
    goesTo('/clusters/dev/', 'dev', '/');
    goesTo('/clusters/dev', 'dev', '/');
    goesTo('/clusters/dev?x=/clusters/a', 'dev', '/?x=/clusters/a');
    goesTo('/clusters/dev//api', 'dev', '//api');
    goesTo('/clusters/with%20space/api', 'with space', '/api');
    goesTo('/clusters/%C3%BC/api', 'ü', '/api');
    goesTo('/clusters/100%25/api', '100%', '/api');
    goesTo('/clusters/%64ev/api', 'dev', '/api');
    for (const spelling of [arn, encodeURIComponent(arn), arn.replace('/', '%2F'), arn.replace('/', '%2f')]) {
      goesTo(`/clusters/${spelling}/api`, arn, '/api');
      goesTo(`/clusters/${spelling}`, arn, '/');
    }
    goesTo('/clusters/a/api', 'a/api', '/');
    goesTo('/clusters/a/api/v1', 'a/api', '/v1');
    goesTo('/clusters/a%2Fapi/v1', 'a/api', '/v1');
    goesTo('/clusters/a/apis', 'a', '/apis');
    goesTo('/clusters/a/%61pi/v1', 'a/api', '/v1');
  });

  it('has the rest after the name judged by the guards, as it was sent', () => {
    goesTo('/clusters/a/../dev/api', 'a', '/../dev/api');
    goesTo('/clusters/a/./api', 'a', '/./api');
    goesTo('/clusters/a/%2e%2e/dev', 'a', '/%2e%2e/dev');
    goesTo('/clusters/dev/..%2fa', 'dev', '/..%2fa');
    goesTo('/clusters/dev/clusters/a/api', 'dev', '/clusters/a/api');
  });

  it('goes nowhere if no context has its name, and is like any other path if no contexts are served, and in another spelling', () => {
    const inNames =
      '/clusters/dev%2f..%2fa/api /clusters/dev%00/api /clusters/dev;x/api /clusters/dev%252f/api';
    const besides = '/clusters /clusters/ /clusters?dev /clusters//dev /clusters//dev/api /clusters/Dev/api';
    const traps =
      '/clusters/../dev/api /clusters/%2e%2e/api /clusters/de%C3/api /clusters/devs/api /clusters/a\\dev/api';
    for (const rawUrl of `${inNames} ${besides} ${traps}`.split(' ')) {
      const { mount, target } = find(rawUrl);
      assert.deepEqual([mount.route, target], ['/unknown-context', rawUrl]);
    }
    assert.equal(mountsOf({})('/clusters/dev/api').target, '/clusters/dev/api');
    for (const rawUrl of ['/Clusters/dev', '//clusters/dev', '/%63lusters/dev', '/clusterss/dev']) {
      assert.notEqual(find(rawUrl).mount.route, '/unknown-context', rawUrl);
    }
  });
});
