import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { FetchJson } from '../../src/kubernetes/discovery.js';
import { createKnownResources } from '../../src/kubernetes/known-resources.js';
import { parseRequestInfo, type RequestInfo } from '../../src/kubernetes/request-info.js';
import { projectFile } from '../support/project.js';

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

const ok = (body: unknown) => ({ status: 200, body });
const absent: FetchJson = async () => ({ status: 404, body: undefined });
const info = (path: string): RequestInfo => parseRequestInfo('GET', path, '');

const widgets = {
  kind: 'APIGroupDiscoveryList',
  items: [
    {
      metadata: { name: 'example.com' },
      versions: [
        {
          version: 'v1alpha1',
          resources: [{ resource: 'widgets', subresources: [{ subresource: 'status' }] }],
        },
      ],
    },
  ],
};
const noGroups = { kind: 'APIGroupDiscoveryList', items: [] };
const widgetPath = '/apis/example.com/v1alpha1/namespaces/d/widgets/w';

/** An API server with aggregated discovery of widgets; `asked` grows with each request. */
function widgetServer(): { fetchJson: FetchJson; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    fetchJson: async path => {
      asked.push(path);
      return ok(path === '/apis' ? widgets : noGroups);
    },
  };
}

describe('the resources known from the start', () => {
  it('are all that an API server of 1.34 serves by default', () => {
    const known = createKnownResources(absent);
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
    const known = createKnownResources(absent);
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
    const known = createKnownResources(absent);
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

describe('discovery', () => {
  it('finds custom resources in the aggregated documents with two requests', async () => {
    const { fetchJson, asked } = widgetServer();
    const accepts = new Set<string>();
    const known = createKnownResources((path, accept) => {
      accepts.add(accept);
      return fetchJson(path, accept);
    });
    assert.equal(known.find(info(widgetPath)).known, false);
    assert.equal(await known.refresh(), true);
    assert.equal(known.find(info(widgetPath)).known, true);
    assert.equal(known.find(info(`${widgetPath}/status`)).known, true);
    assert.equal(known.find(info(`${widgetPath}/scale`)).known, false);
    assert.deepEqual(asked.sort(), ['/api', '/apis']);
    const [accept = ''] = accepts;
    assert.match(
      accept,
      /^application\/json;g=apidiscovery\.k8s\.io;v=v2;as=APIGroupDiscoveryList,.*,application\/json$/,
    );
  });

  it('falls back to the old documents, and a group that fails does not hide the others', async () => {
    const documents: Record<string, unknown> = {
      '/api': { kind: 'APIVersions', versions: ['v1'] },
      '/apis': {
        kind: 'APIGroupList',
        groups: [
          { name: 'broken.io', versions: [{ version: 'v1' }] },
          { name: 'down.io', versions: [{ version: 'v1' }] },
          { name: 'example.com', versions: [{ version: 'v1alpha1' }, { version: 'v1' }] },
        ],
      },
      '/api/v1': { kind: 'APIResourceList', resources: [{ name: 'pods' }, { name: 'pods/novelty' }] },
      '/apis/example.com/v1alpha1': { resources: [{ name: 'widgets' }, { name: 'widgets/status' }] },
      '/apis/example.com/v1': { resources: [{ name: 'gadgets/polish' }] },
    };
    const known = createKnownResources(async path => {
      if (path.startsWith('/apis/broken.io')) throw new Error('socket hang up');
      const body = documents[path];
      return body === undefined ? { status: 503, body: { kind: 'Status' } } : ok(body);
    });
    assert.equal(await known.refresh(), false);
    assert.equal(known.find(info('/api/v1/pods/p/novelty')).known, true);
    assert.equal(known.find(info(`${widgetPath}/status`)).known, true);
    assert.equal(known.find(info('/apis/example.com/v1/gadgets/g/polish')).known, true);
    assert.equal(known.find(info('/apis/down.io/v1/things')).known, false);
  });

  it('never throws if it fails, is rejected or gets nonsense, and keeps the known resources', async () => {
    let answer: FetchJson = widgetServer().fetchJson;
    const known = createKnownResources((path, accept) => answer(path, accept));
    await known.refresh();
    const { size } = known;
    const bodies = [
      undefined,
      null,
      7,
      'x',
      [],
      {},
      { kind: 'APIGroupDiscoveryList', items: [null, 1, { versions: {} }] },
    ];
    for (const body of bodies) {
      answer = async () => ok(body);
      await known.refresh();
    }
    answer = async () => ({ status: 403, body: { kind: 'Status' } });
    assert.equal(await known.refresh(), false);
    answer = async () => Promise.reject(new Error('refused'));
    assert.equal(await known.refresh(), false);
    answer = () => {
      throw new Error('not even a promise');
    };
    assert.equal(await known.refresh(), false);
    assert.equal(known.size, size);
    assert.equal(known.find(info(widgetPath)).known, true);
  });

  it('does not add names that are not Kubernetes names, "other" among them', async () => {
    const names = ['other', 'UPPER', 'with space', 'a\nb', '', '-', 'a'.repeat(300)];
    const known = createKnownResources(async () =>
      ok({
        kind: 'APIGroupDiscoveryList',
        items: [
          {
            metadata: { name: 'example.com' },
            versions: [{ version: 'v1', resources: names.map(resource => ({ resource })) }],
          },
        ],
      }),
    );
    const { size } = known;
    await known.refresh();
    assert.equal(known.size, size);
  });

  it('does not add more than the limit', async () => {
    const resources = Array.from({ length: 10_000 }, (_, index) => ({
      resource: `widgets${index}`,
      subresources: [{ subresource: 'status' }],
    }));
    const known = createKnownResources(async path =>
      ok(
        path === '/api'
          ? noGroups
          : {
              kind: 'APIGroupDiscoveryList',
              items: [{ metadata: { name: 'example.com' }, versions: [{ version: 'v1', resources }] }],
            },
      ),
    );
    await known.refresh();
    assert.equal(known.size, 5_000);
    assert.equal(known.find(info('/apis/example.com/v1/widgets0')).known, true);
    assert.equal(known.find(info('/apis/example.com/v1/widgets9999')).known, false);
    assert.equal(known.find(info('/api/v1/pods')).known, true);
  });

  it('runs once for twenty callers at the same time', async () => {
    const { fetchJson, asked } = widgetServer();
    const known = createKnownResources(fetchJson);
    await Promise.all(Array.from({ length: 20 }, () => known.refresh()));
    assert.equal(asked.length, 2);
    await known.refresh();
    assert.equal(asked.length, 4);
  });

  it('runs in the background at most once a minute, however many unknown resources are asked for', async () => {
    const { fetchJson, asked } = widgetServer();
    let time = 1_000;
    const known = createKnownResources(fetchJson, { now: () => time });
    const settle = () => new Promise(resolve => setImmediate(resolve));
    for (let count = 0; count < 100; count++) known.refreshSoon();
    await settle();
    assert.equal(asked.length, 2);
    time += 59_999;
    known.refreshSoon();
    await settle();
    assert.equal(asked.length, 2);
    time += 1;
    known.refreshSoon();
    await settle();
    assert.equal(asked.length, 4);
  });
});
