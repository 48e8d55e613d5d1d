import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { apiRoute, createMounts, filesMount } from '../../src/server/mounts.js';

type Destination = 'api' | 'static' | 'none' | 'own';

/** One of the proxy's own endpoints has its path for a route. */
const routes: Partial<Record<Destination, string>> = {
  api: apiRoute,
  static: filesMount.route,
  none: '/none',
};

function checks(
  prefixes: { apiPrefix: string; wwwPrefix?: string },
  expected: Record<string, Destination>,
): void {
  const destinationOf = createMounts({ wwwPrefix: undefined, appendServerPath: false, ...prefixes });
  for (const [rawUrl, destination] of Object.entries(expected)) {
    assert.equal(destinationOf(rawUrl).mount.route, routes[destination] ?? rawUrl, rawUrl);
  }
}

function createStripPrefix(apiPrefix: string): (rawUrl: string) => string {
  const destinationOf = createMounts({ wwwPrefix: undefined, appendServerPath: false, apiPrefix });
  return rawUrl => destinationOf(rawUrl).target;
}

describe('the destination of a request', () => {
  it('is the API server for everything but /-/ by default', () => {
    checks(
      { apiPrefix: '/' },
      {
        '/': 'api',
        '/api': 'api',
        '/metrics': 'api',
        '/static/x': 'api',
        '/-': 'api',
        '/-x/metrics': 'api',
        '//-/metrics': 'api',
        '/%2d/metrics': 'api',
        '/-/metrics': 'own',
        '/-/livez': 'own',
        '/-/': 'none',
        '/-/../api': 'none',
        '/-/%6detrics': 'none',
      },
    );
  });

  it('is the folder below its prefix only, which alone stands for itself', () => {
    checks(
      { apiPrefix: '/', wwwPrefix: '/static/' },
      {
        '/static/': 'static',
        '/static/a': 'static',
        '/static': 'static',
        '/static?x': 'static',
        '/static?/static/': 'static',
        '/staticx': 'api',
        '/Static/': 'api',
        '//static/': 'api',
        '/api?/static/': 'api',
        '/%73tatic/a': 'api',
      },
    );
  });

  it('is nothing beside an API prefix of its own', () => {
    checks(
      { apiPrefix: '/custom/' },
      {
        '/custom/api': 'api',
        '/custom': 'api',
        '/custom?x': 'api',
        '/customs': 'none',
        '/': 'none',
        '/api': 'none',
        '/CUSTOM/api': 'none',
        '/%63ustom/api': 'none',
        '//custom/api': 'none',
        '/?/custom/': 'none',
        '/-/livez': 'own',
      },
    );
  });

  it('is decided by the longer of two prefixes, one within the other', () => {
    checks(
      { apiPrefix: '/k8s/', wwwPrefix: '/' },
      { '/k8s/api': 'api', '/k8s': 'api', '/k8': 'static', '/': 'static' },
    );
    checks(
      { apiPrefix: '/k8s/', wwwPrefix: '/k8s/ui/' },
      { '/k8s/ui/': 'static', '/k8s/ui': 'static', '/k8s/api': 'api', '/ui/': 'none' },
    );
  });

  it('is left to the guards, which see what goes to the API server, where the target is no path', () => {
    checks(
      { apiPrefix: '/custom/', wwwPrefix: '/static/' },
      { 'http://x/custom/': 'api', '*': 'api', 'x:1': 'api', '?': 'api' },
    );
  });
});

describe('the API prefix', () => {
  it('is taken off with nothing else changed', () => {
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
  });

  it('stays where it is / or begins with /api, as in kubectl', () => {
    for (const prefix of ['/', '/api/', '/apis/', '/api/v1/']) {
      assert.equal(createStripPrefix(prefix)('/api/v1/pods'), '/api/v1/pods', prefix);
    }
  });
});
