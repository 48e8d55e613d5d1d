import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasOneReading } from '../../src/guard/one-reading.js';
import { assertLinear } from '../support/growth.js';
import { infoOf } from './judged-request.js';
import { uncertainSpellings } from './uncertain-spellings.js';

describe('the fields of a request', () => {
  it('are certain for the plain form of every kind of path, and not if a server could merge slashes, cut off parameters, decode twice or ignore case', () => {
    for (const target of [
      ...['/', '/api', '//api', '/apis/apps', '/apis/apps/v1', '/version/'],
      ...['/openapi/v3/apis/apps/v1?hash=A%2F', '/.well-known/openid-configuration'],
      ...['/logs/kube-apiserver.log', '/readyz/poststarthook/rbac/bootstrap-roles', '/api/v1/namespaces'],
      ...['/api/v1/namespaces/a/', '//api/v1/namespaces/a/pods//', '/api/v1/namespaces/a/%70ods'],
      ...['/api%2fv1%2fnamespaces%2fa%2fpods', '/api/v1/watch/namespaces/a/pods/web'],
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node',
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/caf%c3%a9;x',
      '/apis/custom.metrics.k8s.io/v1beta1/namespaces/a/pods/*/http_requests',
      '/apis/external.metrics.k8s.io/v1beta1/namespaces/a/s0-Queue_depth',
      '/api/v1/namespaces/a/services/https:web:443/proxy/x//y;z=1/%5c%252f',
      '/api/v1/proxy/namespaces/a/services/web//x',
      '/api/v1/namespaces/a/services/web/proxy/api/v1/namespaces//x',
      '/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dweb%2F%2F',
    ]) {
      assert.equal(hasOneReading(infoOf(`GET ${target}`)), true, target);
    }
    for (const target of uncertainSpellings) {
      assert.equal(hasOneReading(infoOf(`GET ${target}`)), false, target);
    }
  });

  it('are read in linear time', () => {
    for (const piece of ['/', 'a/', '/a', 'a//']) {
      const prepare = (count: number) => {
        const target = `GET /${piece.repeat(count)}!`;
        return () => hasOneReading(infoOf(target));
      };
      assertLinear(50_000, prepare, piece);
    }
  });
});
