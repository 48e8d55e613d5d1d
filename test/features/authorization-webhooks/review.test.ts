import assert from 'node:assert/strict';
import { it } from 'node:test';
import { AskedReview } from '../../../src/features/authorization-webhooks/review.js';
import type { ResourceAttributes } from '../../../src/reviews/attributes.js';
import { wish } from './fake-webhook.js';

it('a review has what the API server would send: nothing that is empty, selectors as they are read, and the cluster', () => {
  const selectors = {
    fieldSelector: { rawSelector: 'spec.nodeName!=n,metadata.name=a' },
    labelSelector: { rawSelector: 'app in (b,a),tier,!old,size>3,size<9' },
  };
  const { user } = wish();
  const asked = (attributes: ResourceAttributes, more: object = {}) =>
    new AskedReview({ ...wish({ namespace: '', name: 'x', ...attributes }), user: { ...user, ...more } })
      .spec;
  const spec = {
    user: 'jane',
    groups: ['system:authenticated'],
    extra: { 'kube-api-proxy/cluster': ['dev'] },
  };
  const resourceAttributes = { verb: 'list', version: 'v1', resource: 'pods', name: 'x' };
  assert.deepEqual(asked({}), { ...spec, resourceAttributes });
  assert.deepEqual(asked(selectors).resourceAttributes, {
    ...resourceAttributes,
    fieldSelector: {
      requirements: [
        { key: 'metadata.name', operator: 'In', values: ['a'] },
        { key: 'spec.nodeName', operator: 'NotIn', values: ['n'] },
      ],
    },
    labelSelector: {
      requirements: [
        { key: 'app', operator: 'In', values: ['a', 'b'] },
        { key: 'old', operator: 'DoesNotExist' },
        { key: 'tier', operator: 'Exists' },
      ],
    },
  });
  for (const rawSelector of ['', '=x', 'a in', 'size>3'])
    assert.deepEqual(
      asked({ labelSelector: { rawSelector }, fieldSelector: { rawSelector: '' } }),
      { ...spec, resourceAttributes },
      rawSelector,
    );
  const extra = new Map([
    ['scopes', ['view']],
    ['kube-api-proxy/cluster', ['forged']],
  ]);
  assert.deepEqual(asked({}, { uid: '7', groups: [], extra }), {
    ...{ user: 'jane', uid: '7', resourceAttributes },
    extra: { scopes: ['view'], 'kube-api-proxy/cluster': ['dev'] },
  });
  const nonResourceAttributes = { path: '/version', verb: 'get' };
  const { body } = new AskedReview({ ...wish(), attributes: { nonResourceAttributes } });
  assert.deepEqual(JSON.parse(body), {
    ...{ kind: 'SubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', metadata: {} },
    ...{ spec: { ...spec, nonResourceAttributes }, status: { allowed: false } },
  });
});

it('the verdict of a wish is kept if its attributes have at most 10,000 characters', () => {
  const isKept = (length: number) => {
    const others = JSON.stringify(wish({ name: '' }).attributes).length;
    return new AskedReview(wish({ name: 'x'.repeat(length - others) })).isKept;
  };
  assert.deepEqual([isKept(10_000), isKept(10_001)], [true, false]);
});
