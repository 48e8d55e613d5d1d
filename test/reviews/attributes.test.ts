import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseRequestInfo } from '../../src/kubernetes/request-info.js';
import { attributesOf } from '../../src/reviews/attributes.js';

const core = { group: '', version: 'v1' };
const field = (rawSelector: string) => ({ fieldSelector: { rawSelector } });
const label = (rawSelector: string) => ({ labelSelector: { rawSelector } });

it('a review asks about a request as the API server asks its authorizers', () => {
  for (const [method, target, attributes] of [
    ['GET', '/api/v1/pods', { verb: 'list', ...core, resource: 'pods' }],
    [
      'GET',
      '/apis/apps/v1/namespaces/a/deployments/web/scale',
      {
        ...{ verb: 'get', group: 'apps', version: 'v1', resource: 'deployments', subresource: 'scale' },
        ...{ namespace: 'a', name: 'web' },
      },
    ],
    [
      'POST',
      '/api/v1/namespaces/a/pods/web/exec?command=sh',
      { verb: 'create', ...core, resource: 'pods', subresource: 'exec', namespace: 'a', name: 'web' },
    ],
    [
      'GET',
      '/api/v1/pods?watch=1&fieldSelector=spec.nodeName%3Da&labelSelector=app&fieldSelector=other&labelSelector=b',
      { verb: 'watch', ...core, resource: 'pods', ...field('spec.nodeName=a'), ...label('app') },
    ],
    [
      'GET',
      '/api/v1/pods?fieldSelector=metadata.name%3Dweb',
      { verb: 'list', ...core, resource: 'pods', name: 'web', ...field('metadata.name=web') },
    ],
    [
      'DELETE',
      '/api/v1/namespaces/a/pods?labelSelector=app%3Dweb',
      { verb: 'deletecollection', ...core, resource: 'pods', namespace: 'a', ...label('app=web') },
    ],
    // Neither a request about one object nor a watch by its path has selectors.
    [
      'GET',
      '/api/v1/namespaces/a/pods/web?labelSelector=app',
      { verb: 'get', ...core, resource: 'pods', namespace: 'a', name: 'web' },
    ],
    ...['/api/v1/watch/pods', '//api/v1/watch/pods', '/api/v1/watch/pods/'].map(
      path => ['GET', `${path}?labelSelector=app`, { verb: 'watch', ...core, resource: 'pods' }] as const,
    ),
    [
      'GET',
      '/apis/apps/v1/watch/deployments?fieldSelector=a%3Db',
      { verb: 'watch', group: 'apps', version: 'v1', resource: 'deployments' },
    ],
  ] as const) {
    const [path = '', query = ''] = target.split('?');
    const info = parseRequestInfo(method, path, query);
    assert.deepEqual(attributesOf(info, query), { resourceAttributes: attributes }, target);
  }
  const info = parseRequestInfo('GET', '/debug/pprof/profile', 'seconds=600');
  assert.deepEqual(attributesOf(info, 'seconds=600'), {
    nonResourceAttributes: { path: '/debug/pprof/profile', verb: 'get' },
  });
});
