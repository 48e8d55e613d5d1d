import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiIndex, readAggregated } from '../../../../src/features/explorer/page/api/discovery.js';
import { parseFragment } from '../../../../src/features/explorer/page/api/fragment.js';
import {
  ApiRequest,
  nonResourcePaths,
  RefusedRequest,
} from '../../../../src/features/explorer/page/api/requests.js';
import { recorded, resourceOf } from './recorded-index.js';

const pods = resourceOf('', 'pods');
const nodes = resourceOf('', 'nodes');

/** The requests that the page sends for a fragment. */
function requestsOf(fragment: string): readonly ApiRequest[] {
  const { view } = parseFragment(fragment, ['', '/clusters/two']);
  if (view.kind === 'path') return [ApiRequest.nonResource('', view.path)];
  if (view.kind !== 'list' && view.kind !== 'object' && view.kind !== 'log') return [];
  const resource = recorded.resource(view.group, view.version, view.resource);
  if (resource === undefined) return [];
  const { namespace } = view;
  if (view.kind === 'list') {
    const list = { resource, namespace };
    return [ApiRequest.list('', recorded, list), ApiRequest.watch('', recorded, list, '1', 'object')];
  }
  const object = { resource, namespace, name: view.name };
  if (view.kind === 'log') return [ApiRequest.log('', recorded, object, { follow: true })];
  return [ApiRequest.object('', recorded, object)];
}

function isRefused(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    return error instanceof RefusedRequest;
  }
}

describe('the requests of the page', () => {
  it('are sent for resources and objects of the discovery', () => {
    for (const [fragment, path] of [
      ['#/api/v1/pods', '/api/v1/pods'],
      ['#/api/v1/namespaces/team-0/pods', '/api/v1/namespaces/team-0/pods'],
      ['#/api/v1/namespaces/team-0/pods/web-0', '/api/v1/namespaces/team-0/pods/web-0'],
      ['#/api/v1/namespaces/team-0/pods/web-0/log', '/api/v1/namespaces/team-0/pods/web-0/log'],
      ['#/api/v1/namespaces/team-0', '/api/v1/namespaces/team-0'],
      ['#/apis/apps/v1/deployments', '/apis/apps/v1/deployments'],
      [
        '#/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node',
        '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node',
      ],
      ['#/readyz', '/readyz'],
    ]) {
      const [request] = requestsOf(fragment as string);
      if (fragment?.endsWith('/log')) assert.equal(request?.accept, '*/*');
      assert.equal(request?.apiPath.replace(/\?.*/, ''), path, fragment);
      assert.equal(request?.method, 'GET');
    }
  });

  it('are not sent for hostile text in a link', () => {
    const pod = '/api/v1/namespaces/x/pods/y';
    for (const fragment of [
      // Connecting subresources, in every spelling.
      ...['proxy', 'exec', 'attach', 'portforward', 'PROXY', 'eXec', 'proxy/', 'proxy/x', 'log/x'],
      ...['%70roxy', 'status'],
      ...['log%2f..%2fproxy', 'log/../proxy', 'log;proxy', '%2e%2e', '..', 'proxy%00', 'log%2fproxy'],
      ...['exec?command=id'],
    ].map(subresource => `#${pod}/${subresource}`)) {
      assert.ok(isRefused(() => requestsOf(fragment)) || requestsOf(fragment).length === 0, fragment);
    }
    for (const fragment of [
      // Another host, another path of this host, and paths that parsers read differently.
      ...['#//evil.example/api/v1/pods', '#/\\evil.example/api/v1/pods', '#https://evil.example/api'],
      ...['#///api/v1/pods'],
      ...['#/api/v1/namespaces/../pods', '#/api/v1/namespaces/%2e%2e/pods', '#/api/v1/namespaces/./pods'],
      ...['#/api/v1/namespaces/a%2fb/pods', '#/api/v1/namespaces/a\\b/pods', '#/api/v1/pods/%252e%252e'],
      ...['#/api/v1//pods'],
      ...['#/api/v1/namespaces/x/pods/..%2f..%2fsecrets', '#/API/v1/pods', '#/Api/v1/pods', '#/api/V1/pods'],
      ...['#/api/v1/Pods'],
      ...['#/api/v1/proxy/namespaces/x/pods/y', '#/api/v1/watch/pods', '#/api/v1/secretz'],
      ...['#/apis/evil/v1/things'],
      ...['#/-/clusters', '#/-/metrics', '#/debug/pprof/profile', '#/logs/kube-apiserver.log'],
      ...['#/metrics/../api/v1/secrets'],
      ...['#/readyz/../../api/v1/secrets', '#/readyz%2f..%2fapi', '#/clusters/one/api/v1/pods'],
      ...['#/clusters/two/../one/api/v1/pods'],
      ...['#/api/v1/namespaces/x/nodes', '#/api/v1/pods/%', '#/api/v1/pods/%ff', '#javascript:alert(1)'],
      ...['#/%61pi/v1/pods'],
      // Characters that a terminal acts on when a command with them is pasted, or that nobody sees.
      ...['%15%0atouch%20pwned%0a', '%00', '%7f', '%c2%9b', '%e2%80%a8', '%e2%80%ae', '%09'].flatMap(text => [
        ...[`#/api/v1/namespaces/x/pods/a${text}`, `#/api/v1/namespaces/x${text}/pods`],
        `#/api/v1/pods?labelSelector=${text}`,
        `#/api/v1/pods?fieldSelector=metadata.name%3d${text}`,
        ...[`#/api/v1/namespaces/x/pods/y/log?container=${text}`, `#/api/v1/pods?${text}=a`],
      ]),
    ]) {
      assert.ok(isRefused(() => requestsOf(fragment)) || requestsOf(fragment).length === 0, fragment);
    }
  });

  it('contain only those parameters of a query that the view uses, and keep the text of each within it', () => {
    const { view, query } = parseFragment('#/api/v1/pods?pretty=true&command=id&labelSelector=a%3Db', ['']);
    assert.equal(view.kind, 'list');
    const list = { resource: pods, namespace: '', labelSelector: query.get('labelSelector') ?? '' };
    const { apiPath } = ApiRequest.list('', recorded, list);
    assert.equal(apiPath, '/api/v1/pods?labelSelector=a%3Db');
    const evil = 'a=b&watch=true#/../x?command=id\r\nX: y';
    for (const request of [
      ApiRequest.list('', recorded, {
        resource: pods,
        namespace: '',
        labelSelector: evil,
        fieldSelector: evil,
      }),
      ApiRequest.log('', recorded, { resource: pods, namespace: 'x', name: 'y' }, { container: evil }),
    ]) {
      const { pathname, searchParams, hash } = new URL(request.apiPath, 'http://localhost');
      assert.ok(['/api/v1/pods', '/api/v1/namespaces/x/pods/y/log'].includes(pathname));
      assert.equal(hash, '');
      for (const [key, value] of searchParams) {
        assert.ok(['labelSelector', 'fieldSelector', 'container'].includes(key), key);
        assert.equal(value, evil);
      }
    }
  });

  it('use one path segment for names with special URL characters, and are rejected for invalid names', () => {
    for (const name of ['a?b', 'a#b', 'a b', 'a;b', 'a&b', 'ä', 'system:node']) {
      const { apiPath } = ApiRequest.object('', recorded, { resource: nodes, namespace: '', name });
      const { pathname, search, hash } = new URL(apiPath, 'http://localhost');
      assert.deepEqual(
        [
          pathname.split('/').length,
          decodeURIComponent(pathname.slice('/api/v1/nodes/'.length)),
          search,
          hash,
        ],
        [5, name, '', ''],
      );
    }
    // The last ones are characters that nobody sees, or that a terminal acts on.
    const unseen = ['a\nb', '\u0015', '\u007f', '\u009b', '\u2028', '\u202e', '\ud800'];
    for (const name of ['', '.', '..', 'a/b', 'a%2fb', '%2e%2e', 'a\\b', ...unseen]) {
      assert.ok(
        isRefused(() => ApiRequest.object('', recorded, { resource: nodes, namespace: '', name })),
        name,
      );
      assert.ok(
        isRefused(() => ApiRequest.list('', recorded, { resource: pods, namespace: name || '..' })),
        name,
      );
    }
  });

  it('are rejected for a resource that differs from the one of the discovery', () => {
    const forged = { ...pods, name: 'pods/../secrets' };
    for (const resource of [forged, { ...pods }, { ...pods, group: '../../x' }]) {
      assert.ok(isRefused(() => ApiRequest.list('', recorded, { resource, namespace: '' })));
      assert.ok(isRefused(() => ApiRequest.openApi('', recorded, resource)));
    }
    assert.ok(
      isRefused(() => ApiRequest.log('', recorded, { resource: nodes, namespace: '', name: 'a' }, {})),
    );
    const reviews = resourceOf('authentication.k8s.io', 'selfsubjectreviews');
    assert.ok(
      isRefused(() => ApiRequest.list('', recorded, { resource: reviews, namespace: '' })),
      'no verb list',
    );
  });

  it('leave out resources whose name is not a path segment', () => {
    const version = { version: 'v1', resources: [] };
    const resource = { resource: '..', scope: 'Cluster', verbs: ['get', 'list'] };
    const names = (items: object[]) =>
      new ApiIndex(readAggregated({ kind: 'APIGroupDiscoveryList', items: items as never })).groups.flatMap(
        ({ name, versions }) =>
          versions.flatMap(entry => [name, entry.version, ...entry.resources.map(({ name }) => name)]),
      );
    assert.deepEqual(names([{ metadata: { name: 'a/../b' }, versions: [version] }]), []);
    assert.deepEqual(
      names([{ metadata: { name: 'ok.example' }, versions: [{ ...version, version: '../v1' }] }]),
      [],
    );
    assert.deepEqual(
      names([
        {
          metadata: { name: 'ok.example' },
          versions: [{ version: 'v1', resources: [resource, { ...resource, resource: 'a%2fb' }] }],
        },
      ]),
      ['ok.example', 'v1'],
    );
  });

  it('have a path of plain segments, so that they cannot name a host', () => {
    for (const prefix of ['', '/k8s', '/clusters/a%2Fb', '/clusters/arn%3Aaws']) {
      assert.equal(ApiRequest.discovery(prefix, '/api').prefix, prefix);
    }
    for (const prefix of [
      ...['//evil.example', 'evil', '/..', '/a/../b', '/%2e%2E/x', '/a?b', '/a#b', '/a\\b'],
      ...['/a//b', '/'],
    ]) {
      assert.ok(
        isRefused(() => ApiRequest.discovery(prefix, '/api')),
        prefix,
      );
    }
  });

  it('use POST only for the three reviews of the caller’s own rights', () => {
    const kinds = ['SelfSubjectReview', 'SelfSubjectRulesReview', 'SelfSubjectAccessReview'] as const;
    for (const kind of kinds) {
      const { method, apiPath, body } = ApiRequest.review('', recorded, kind, { namespace: 'x' });
      assert.equal(method, 'POST');
      assert.match(apiPath, /^\/apis\/auth(?:entication|orization)\.k8s\.io\/v1\/selfsubject[a-z]*reviews$/);
      assert.equal((JSON.parse(body as string) as { kind: string }).kind, kind);
    }
    assert.ok(isRefused(() => ApiRequest.review('', new ApiIndex([]), 'SelfSubjectReview')));
  });

  it('may also have a path of a fixed list', () => {
    for (const path of nonResourcePaths) {
      const { apiPath, accept } = ApiRequest.nonResource('', path);
      assert.deepEqual([apiPath, accept], [path, '*/*']);
    }
    for (const path of ['/', '/metrics/', '/debug/pprof', '/readyz/..', '/logs/x', '/api/v1/secrets', ''])
      assert.ok(
        isRefused(() => ApiRequest.nonResource('', path)),
        path,
      );
  });
});

describe('a fragment', () => {
  it('names a cluster by the whole path at its beginning', () => {
    const clusters = ['', '/clusters/a', '/clusters/a%2Fb'];
    for (const [fragment, cluster] of [
      ['#/clusters/a/api/v1/pods', '/clusters/a'],
      ['#/clusters/a%2Fb/api/v1/pods', '/clusters/a%2Fb'],
      ['#/clusters/a', '/clusters/a'],
      ['#/clusters/ab/api/v1/pods', ''],
      ['#/api/v1/pods', ''],
      ['#/clusters/%61/api/v1/pods', ''],
    ]) {
      assert.equal(parseFragment(fragment as string, clusters).cluster, cluster, fragment);
    }
    assert.equal(parseFragment('#/clusters/a/api/v1/pods', clusters).view.kind, 'list');
    assert.equal(parseFragment('#/clusters/a/', clusters).view.kind, 'home');
  });

  it('that is empty, or names the roots, leads to the first page', () => {
    for (const fragment of ['', '#', '#/', '#/apis', '#/apis/'])
      assert.equal(parseFragment(fragment, ['']).view.kind, 'home', fragment);
  });
});
