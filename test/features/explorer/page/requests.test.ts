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

/** The paths of these requests; none if one of them is refused. */
function sentFor(fragment: string): readonly string[] {
  try {
    return requestsOf(`#${fragment}`).map(({ apiPath }) => apiPath);
  } catch (error) {
    if (error instanceof RefusedRequest) return [];
    throw error;
  }
}

/** Asserts that a request is refused. */
function refuses(run: () => unknown, what?: string): void {
  assert.throws(run, RefusedRequest, what);
}

const words = (text: string) => text.trim().split(/\s+/);

/** What links may name. */
const served = words(`
  /api/v1/pods /api/v1/namespaces/team-0/pods /api/v1/namespaces/team-0/pods/web-0 /readyz
  /api/v1/namespaces/team-0 /api/v1/namespaces/team-0/pods/web-0/log
  /apis/apps/v1/deployments /apis/rbac.authorization.k8s.io/v1/clusterroles/system:node`);

/** Subresources of a Pod that connect or that the page does not read, in every spelling. */
const subresources = words(`
  proxy exec attach portforward eviction PROXY eXec proxy/ proxy/x log/x %70roxy status log%2f..%2fproxy log/../proxy
  log;proxy %2e%2e .. proxy%00 log%2fproxy exec?command=id ../../../../../version`);

/** Other subresources, another host, another path of this host, and paths that parsers read differently. */
const hostile = words(`
  /api/v1/namespaces/x/pods/y%2fproxy /api/v1/namespaces/x/pods;x=y /api/v1/namespaces/x/services/web/proxy
  /api/v1/nodes/n/proxy /api/v1/nodes/n/proxy/metrics /api/v1/namespaces/x/configmaps/y/log /api/v1/proxy/nodes/n
  //evil.example/api/v1/pods /\\evil.example/api/v1/pods https://evil.example/api ///api/v1/pods
  /api/v1/namespaces/../pods /api/v1/namespaces/%2e%2e/pods /api/v1/./pods /api/v1/namespaces/a%2fb/pods
  /api/v1/namespaces/a\\b/pods /api/v1/pods/%252e%252e /api/v1//pods /api%2fv1%2fpods
  /api/v1/namespaces/x/pods/..%2f..%2fsecrets /api/v1/../../-/x /API/v1/pods /Api/v1/pods /api/V1/pods /api/v1/Pods
  /%61pi/v1/pods /api/v1/secretz /api/v1/proxy/namespaces/x/pods/y /api/v1/watch/pods /apis/evil/v1/things
  /api/v1/pods/% /apis/apps/v9/deployments /api/v1/namespaces/x/nodes /api/v1/pods/%ff /api/v1/% %
  /-/clusters /-/metrics /debug/pprof/profile /logs/kube-apiserver.log /metrics/../api/v1/secrets
  /readyz/../../api/v1/secrets /readyz%2f..%2fapi /%E0%A4%A/ /openapi/v3/../../metrics /clusters/one/api/v1/pods
  /clusters/two/../one/api/v1/pods /clusters/%2e%2e/api/v1/pods javascript:alert(1)`);

/** Characters that a terminal acts on when a command with them is pasted, or that nobody sees. */
const unseen = words('%15%0atouch%20pwned%0a %00 %7f %c2%9b %e2%80%a8 %e2%80%ae %09');

describe('the requests of the page', () => {
  it('are sent for resources and objects of the discovery', () => {
    for (const path of served) {
      const [request] = requestsOf(`#${path}`);
      assert.deepEqual([request?.method, request?.apiPath.replace(/\?.*/, '')], ['GET', path]);
      if (path.endsWith('/log')) assert.equal(request?.accept, '*/*');
    }
  });

  it('are not sent for hostile text in a link', () => {
    for (const fragment of [
      ...subresources.map(subresource => `/api/v1/namespaces/x/pods/y/${subresource}`),
      ...hostile,
      ...unseen.flatMap(text => [
        ...[`/api/v1/namespaces/x/pods/a${text}`, `/api/v1/namespaces/x${text}/pods`],
        `/api/v1/pods?labelSelector=${text}`,
        `/api/v1/pods?fieldSelector=metadata.name%3d${text}`,
        ...[`/api/v1/namespaces/x/pods/y/log?container=${text}`, `/api/v1/pods?${text}=a`],
      ]),
    ])
      assert.deepEqual(sentFor(fragment), [], fragment);
  });

  it('contain only those parameters of a query that the view uses, and keep the text of each within it', () => {
    const { view, query } = parseFragment('#/api/v1/pods?pretty=true&command=id&labelSelector=a%3Db', ['']);
    assert.equal(view.kind, 'list');
    const list = { resource: pods, namespace: '', labelSelector: query.get('labelSelector') ?? '' };
    const { apiPath } = ApiRequest.list('', recorded, list);
    assert.equal(apiPath, '/api/v1/pods?labelSelector=a%3Db');
    assert.deepEqual(sentFor('/version?x=1#y'), ['/version']);
    const evil = 'a=b&watch=true#/../x?command=id\r\nX: y';
    for (const request of [
      ApiRequest.list('', recorded, { ...list, labelSelector: evil, fieldSelector: evil }),
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
      const [, , , , own = '', ...more] = pathname.split('/');
      assert.deepEqual([decodeURIComponent(own), more, search, hash], [name, [], '', '']);
    }
    // The last ones are characters that nobody sees, or that a terminal acts on.
    const invisible = ['a\nb', '\u0015', '\u007f', '\u009b', '\u2028', '\u202e', '\ud800'];
    for (const name of ['', '.', '..', 'a/b', 'a%2fb', '%2e%2e', 'a\\b', ...invisible]) {
      refuses(() => ApiRequest.object('', recorded, { resource: nodes, namespace: '', name }), name);
      refuses(() => ApiRequest.list('', recorded, { resource: pods, namespace: name || '..' }), name);
    }
  });

  it('are rejected for a resource that differs from the one of the discovery', () => {
    const forged = { ...pods, name: 'pods/../secrets' };
    for (const resource of [forged, { ...pods }, { ...pods, group: '../../x' }]) {
      refuses(() => ApiRequest.list('', recorded, { resource, namespace: '' }));
      refuses(() => ApiRequest.openApi('', recorded, resource));
    }
    refuses(() => ApiRequest.log('', recorded, { resource: nodes, namespace: '', name: 'a' }, {}));
    const reviews = resourceOf('authentication.k8s.io', 'selfsubjectreviews');
    refuses(() => ApiRequest.list('', recorded, { resource: reviews, namespace: '' }), 'no verb list');
  });

  it('leave out resources whose name is not a path segment', () => {
    const resources = ['..', 'a%2fb'].map(name => ({ resource: name, scope: 'Cluster', verbs: ['list'] }));
    const items = [
      { metadata: { name: 'a/../b' }, versions: [{ version: 'v1', resources: [] }] },
      { metadata: { name: 'some.example' }, versions: [{ version: '../v1', resources: [] }] },
      { metadata: { name: 'ok.example' }, versions: [{ version: 'v1', resources }] },
    ];
    const { groups } = new ApiIndex(readAggregated({ kind: 'APIGroupDiscoveryList', items: items as never }));
    const own = { version: 'v1', resources: [], isStale: false };
    assert.deepEqual(groups, [
      { name: 'some.example', versions: [] },
      { name: 'ok.example', versions: [own] },
    ]);
  });

  it('have a path of plain segments, so that they cannot name a host', () => {
    for (const prefix of ['', '/k8s', '/clusters/a%2Fb', '/clusters/arn%3Aaws']) {
      assert.equal(ApiRequest.discovery(prefix, '/api').prefix, prefix);
    }
    for (const prefix of words('//evil.example evil /.. /a/../b /%2e%2E/x /a?b /a#b /a\\b /a//b /'))
      refuses(() => ApiRequest.discovery(prefix, '/api'), prefix);
  });

  it('use POST only for the three reviews of the caller’s own rights', () => {
    const kinds = ['SelfSubjectReview', 'SelfSubjectRulesReview', 'SelfSubjectAccessReview'] as const;
    for (const kind of kinds) {
      const { method, apiPath, body } = ApiRequest.review('', recorded, kind, { namespace: 'x' });
      assert.equal(method, 'POST');
      assert.match(apiPath, /^\/apis\/auth(?:entication|orization)\.k8s\.io\/v1\/selfsubject[a-z]*reviews$/);
      assert.equal((JSON.parse(body as string) as { kind: string }).kind, kind);
    }
    refuses(() => ApiRequest.review('', new ApiIndex([]), 'SelfSubjectReview'));
  });

  it('may also have a path of a fixed list', () => {
    for (const path of nonResourcePaths) {
      const { apiPath, accept } = ApiRequest.nonResource('', path);
      assert.deepEqual([apiPath, accept], [path, '*/*']);
    }
    for (const path of ['/', '/metrics/', '/debug/pprof', '/readyz/..', '/logs/x', '/api/v1/secrets', ''])
      refuses(() => ApiRequest.nonResource('', path), path);
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
