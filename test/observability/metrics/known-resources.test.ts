import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRequestInfo, type RequestInfo } from '../../../src/kubernetes/request-info.js';
import { KnownResources } from '../../../src/observability/metrics/known-resources.js';

const info = (path: string): RequestInfo => parseRequestInfo('GET', path, '');

describe('the resources known from the start', () => {
  it('are those of Kubernetes, with their subresources', () => {
    const known = new KnownResources();
    for (const path of ['/api/v1/pods', '/api/v1/pods/p/exec', '/apis/apps/v1/deployments/d/scale'])
      assert.equal(known.has(info(path)), true, path);
  });

  it('do not include invented subresources, versions or groups', () => {
    const known = new KnownResources();
    for (const path of [
      ...['/api/v1/pods/p/made-up', '/api/v1/made-up', '/api/v9/pods', '/apis/made.up/v1/pods'],
      ...['/apis/apps/v1/pods', '/api/v1/deployments', '/api/v1/configmaps/c/status', '/api/v1/other'],
      ...['/apis/other/other/other/x/other', '/api/v1/__proto__', '/api/v1/constructor', '/api/v1//pods'],
    ]) {
      assert.equal(known.has(info(path)), false, path);
    }
  });
});

describe('a resource that the API server has answered with success', () => {
  const widget = '/apis/example.com/v1alpha1/namespaces/d/widgets/w';

  it('is known from then on in its group and version, but not its subresources', () => {
    const known = new KnownResources();
    assert.equal(known.has(info(widget)), false);
    known.learn(info(widget));
    assert.equal(known.has(info(widget)), true);
    assert.equal(known.has(info('/apis/example.com/v1alpha1/widgets')), true);
    assert.equal(known.has(info(`${widget}/status`)), false);
    assert.equal(known.has(info('/apis/example.com/v1/widgets')), false);
    known.learn(info(`${widget}/status`));
    assert.equal(known.has(info(`${widget}/status`)), true);
    assert.equal(known.has(info(`${widget}/scale`)), false);
    for (const other of [
      '/apis/example.com/v1alpha1/gadgets',
      '/apis/example.org/v1alpha1/widgets',
      '/api/v1/widgets',
    ])
      assert.equal(known.has(info(other)), false, other);
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
        assert.equal(known.has(info(path)), false, path);
      }
    }
    // A path that names no resource.
    known.learn(info('/apis/example.com/v1/watch'));
    assert.equal(known.has(info('/apis/example.com/v1/watch')), false);
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
      const isKnown = Array.from({ length: 3_000 }, (_, number) => known.has(info(pathOf(number))));
      assert.deepEqual([isKnown.indexOf(false), isKnown.lastIndexOf(true)], [1_000, 999]);
      assert.equal(known.has(info('/apis/example2999.com/v1/widgets')), false);
      assert.equal(known.has(info('/api/v1/pods')), true);
    }
  });
});
