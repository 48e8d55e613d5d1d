import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRequestInfo } from '../../src/kubernetes/request-info.js';
import { streamQuestions } from '../../src/proxy/stream-questions.js';
import type { OpenRequest } from '../../src/request/context.js';
import { endpointWith } from '../support/proxy/client-request.js';

const jane = { username: 'jane', uid: undefined, groups: ['dev'], extra: new Map() };

/** What is asked about a GET of this target, each as WHO VERB WHAT; one that counts only from a yes on begins with `?`. */
function asked(target: string, more: object = {}): readonly string[] {
  const [path = '', query = ''] = target.split('?');
  const request = {
    ...{ cluster: {}, endpoint: endpointWith(), mount: { namesContext: false }, caller: jane },
    path: { info: parseRequestInfo('GET', path, query), forServer: { query } },
    ...more,
  } as unknown as OpenRequest;
  return streamQuestions(request).map(({ as, attributes, onlyIfHeld = false }) => {
    const who = as === 'configured' ? 'proxy' : as[1];
    const [{ verb, resource, subresource, path: of = `${resource}/${subresource}` } = {}] = Object.values(
      attributes,
    ) as Record<string, string>[];
    return `${onlyIfHeld ? '?' : ''}${who} ${verb} ${of}`;
  });
}

const pod = '/api/v1/namespaces/shop/pods/web';

describe('the questions about a stream', () => {
  it('are what its user has to be allowed to do, and what the proxy itself has to, if it was at the beginning', () => {
    const own = '?proxy impersonate-on:user-info:watch pods/undefined';
    assert.deepEqual(asked('/api/v1/pods?watch=1'), ['jane watch pods/undefined', own]);
    const onPath = '?proxy impersonate-on:user-info:get /metrics';
    assert.deepEqual(asked('/metrics'), ['jane get /metrics', onPath]);
  });

  it('of a connection to a Pod by a GET are about the right to create too, if the user had it at the beginning', () => {
    for (const subresource of ['exec', 'attach', 'portforward'])
      assert.deepEqual(asked(`${pod}/${subresource}`), [
        `jane get pods/${subresource}`,
        `?jane create pods/${subresource}`,
        `?proxy impersonate-on:user-info:get pods/${subresource}`,
      ]);
    for (const other of [`${pod}/log`, `${pod}/proxy`, '/apis/x/v1/namespaces/shop/pods/web/exec'])
      assert.equal(asked(other).filter(text => text.includes('create')).length, 0, other);
  });

  it('of a caller who acts as somebody else begin with the rights that have decided that', () => {
    const by = [
      { resourceAttributes: { verb: 'impersonate-on:user-info:watch', resource: 'pods' } },
      { resourceAttributes: { verb: 'impersonate:user-info', resource: 'users' } },
    ];
    const account = 'system:serviceaccount:shop:robot';
    const impersonated = { user: {}, headers: ['Impersonate-User', account], by };
    assert.deepEqual(asked('/api/v1/pods?watch=1', { impersonated }), [
      'jane impersonate-on:user-info:watch pods/undefined',
      'jane impersonate:user-info users/undefined',
      `${account} watch pods/undefined`,
      '?proxy impersonate-on:serviceaccount:watch pods/undefined',
    ]);
    // A service account with more than its name has no mode.
    const inGroup = { ...impersonated, headers: [...impersonated.headers, 'Impersonate-Group', 'dev'] };
    assert.equal(asked('/api/v1/pods?watch=1', { impersonated: inGroup }).length, 3);
  });
});
