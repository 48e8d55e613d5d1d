import assert from 'node:assert/strict';
import { it } from 'node:test';
import { bestMatch, visibleItems } from '../../../../src/features/explorer/page/views/tree-items.js';
import { recorded } from './recorded-index.js';

it('the filter of the tree prefers exact names and short names, then beginnings, then parts, and shows everything that contains the text', () => {
  for (const [filter, path] of [
    // Also a part of bindings, which come first.
    ['ing', '/apis/networking.k8s.io/v1/ingresses'],
    ['ns', '/api/v1/namespaces'],
    ['po', '/api/v1/pods'],
    ['pod', '/api/v1/pods'],
    ['no', '/api/v1/nodes'],
    ['rs', '/apis/apps/v1/replicasets'],
    ['ds', '/apis/apps/v1/daemonsets'],
    ['deploy', '/apis/apps/v1/deployments'],
    ['ingressc', '/apis/networking.k8s.io/v1/ingressclasses'],
    ['ratequota', undefined],
    ['cequota', '/api/v1/resourcequotas'],
    ['', undefined],
  ] as const) {
    assert.equal(bestMatch(visibleItems(recorded, filter))?.path, path, filter);
  }
  const labels = visibleItems(recorded, 'ing').map(({ label }) => label);
  for (const label of ['bindings', 'ingresses', 'ingressclasses', 'rolebindings']) {
    assert.ok(labels.includes(label), label);
  }
  assert.ok(!labels.includes('pods'));
});
