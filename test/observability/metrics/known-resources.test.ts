import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { parseRequestInfo, type RequestInfo } from '../../../src/kubernetes/request-info.js';
import { KnownResources } from '../../../src/observability/metrics/known-resources.js';
import { projectFile } from '../../support/project.js';

interface GroupVersionResources {
  readonly version: string;
  readonly resources: readonly {
    readonly resource: string;
    readonly subresources?: readonly { readonly subresource: string }[];
  }[];
}
interface GroupDiscovery {
  readonly metadata: { readonly name?: string };
  readonly versions: readonly GroupVersionResources[];
}
interface GroupDiscoveryList {
  readonly items: readonly GroupDiscovery[];
}

const recorded: { core: GroupDiscoveryList; groups: GroupDiscoveryList } = JSON.parse(
  await readFile(projectFile('test/fixtures/discovery.json'), 'utf8'),
);

const info = (path: string): RequestInfo => parseRequestInfo('GET', path, '');

describe('the resources known from the start', () => {
  it('are all that an API server of 1.34 serves by default', () => {
    const known = new KnownResources();
    let checked = 0;
    for (const { metadata, versions } of [...recorded.core.items, ...recorded.groups.items]) {
      for (const { version, resources } of versions) {
        const prefix = metadata.name ? `/apis/${metadata.name}/${version}` : `/api/${version}`;
        for (const { resource, subresources = [] } of resources) {
          for (const suffix of ['', ...subresources.map(({ subresource }) => `/name/${subresource}`)]) {
            assert.equal(
              known.find(info(`${prefix}/${resource}${suffix}`)).known,
              true,
              `${prefix}/${resource}${suffix}`,
            );
            checked++;
          }
        }
      }
    }
    assert.ok(checked > 100);
  });

  it('do not include invented subresources, versions or groups', () => {
    const known = new KnownResources();
    for (const path of [
      '/api/v1/pods/p/made-up',
      '/api/v1/made-up',
      '/api/v9/pods',
      '/apis/made.up/v1/pods',
      '/apis/apps/v1/pods',
      '/api/v1/deployments',
      '/api/v1/configmaps/c/status',
      '/api/v1/other',
      '/apis/other/other/other/x/other',
      '/api/v1/__proto__',
      '/api/v1/constructor',
      '/api/v1//pods',
    ]) {
      assert.equal(known.find(info(path)).known, false, path);
    }
  });

  it('are found as one object for every request, with "other" in each unknown field', () => {
    const known = new KnownResources();
    const places = [
      ['/api/v1/namespaces/a/pods/p/log', ['', 'v1', 'pods', 'log']],
      ['/api/v1/pods/p/made-up', ['', 'v1', 'pods', 'other']],
      ['/api/v1/made-up', ['', 'v1', 'other', '']],
      ['/api/v1/made-up/m/status', ['', 'v1', 'other', 'other']],
      ['/apis/apps/v9/deployments', ['apps', 'other', 'other', '']],
      ['/apis/made.up/v1/pods/p/log', ['other', 'other', 'other', 'other']],
    ] as const;
    for (const [path, fields] of places) {
      const { group, version, resource, subresource } = known.find(info(path));
      assert.deepEqual([group, version, resource, subresource], fields, path);
    }
    assert.equal(known.find(info('/api/v1/pods')), known.find(info('/api/v1/namespaces/x/pods/y')));
    assert.equal(known.find(info('/apis/a/b/c')), known.find(info('/apis/x/y/z/name')));
  });
});

describe('a resource that the API server has answered with success', () => {
  const widget = '/apis/example.com/v1alpha1/namespaces/d/widgets/w';

  it('is known from then on, with its group and version, but not its other subresources', () => {
    const known = new KnownResources();
    assert.equal(known.find(info(widget)).known, false);
    known.learn(info(widget));
    const { group, version, resource, subresource } = known.find(info(widget));
    assert.deepEqual([group, version, resource, subresource], ['example.com', 'v1alpha1', 'widgets', '']);
    assert.equal(known.find(info('/apis/example.com/v1alpha1/widgets')), known.find(info(widget)));
    assert.equal(known.find(info(`${widget}/status`)).known, false);
    assert.equal(known.find(info('/apis/example.com/v1/widgets')).known, false);
    known.learn(info(`${widget}/status`));
    assert.equal(known.find(info(`${widget}/status`)).known, true);
    assert.equal(known.find(info(`${widget}/scale`)).known, false);
  });

  it('is the only one that is then known', () => {
    const known = new KnownResources();
    known.learn(info(`${widget}/status`));
    assert.equal(known.find(info('/apis/example.com/v1alpha1/gadgets')).resource, 'other');
    assert.equal(known.find(info('/apis/example.org/v1alpha1/widgets')).group, 'other');
    assert.equal(known.find(info('/api/v1/widgets')).resource, 'other');
  });

  it('is not known if its names are none of Kubernetes, "other" among them', () => {
    const known = new KnownResources();
    for (const name of ['other', 'UPPER', 'with space', 'a\nb', '-', '*', 'a'.repeat(300), '__proto__']) {
      for (const path of [
        `/apis/example.com/v1/${name}`,
        `/apis/example.com/${name}/widgets`,
        `/apis/${name}/v1/widgets`,
        `/apis/example.com/v1/widgets/w/${name}`,
      ]) {
        known.learn(info(path));
        assert.equal(known.find(info(path)).known, false, path);
      }
    }
    // A path that names no resource.
    known.learn(info('/apis/example.com/v1/watch'));
    assert.equal(known.find(info('/apis/example.com/v1/watch')).known, false);
  });

  it('is one of a thousand at most, each in a group of its own or not; Kubernetes’ own stay known', () => {
    for (const pathOf of [
      (number: number) => `/apis/example.com/v1/widgets${number}`,
      (number: number) => `/apis/example${number}.com/v1/widgets`,
      (number: number) => `/apis/example.com/v1/widgets/w/sub${number}`,
    ]) {
      const known = new KnownResources();
      for (let number = 0; number < 3_000; number += 1) known.learn(info(pathOf(number)));
      // One more time changes nothing.
      known.learn(info(pathOf(0)));
      const isKnown = Array.from({ length: 3_000 }, (_, number) => known.find(info(pathOf(number))).known);
      assert.deepEqual([isKnown.indexOf(false), isKnown.lastIndexOf(true)], [1_000, 999]);
      const { group, resource } = known.find(info('/apis/example2999.com/v1/widgets'));
      assert.deepEqual([group, resource], ['other', 'other']);
      assert.equal(known.find(info('/api/v1/pods')).known, true);
    }
  });
});
