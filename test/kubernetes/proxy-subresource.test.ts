import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { proxySubresource } from '../../src/kubernetes/proxy-subresource.js';

describe('the path of a proxy subresource', () => {
  it('ends with its slash, whatever follows it, for Pods, Services and nodes', () => {
    for (const [path, expected] of [
      ['/api/v1/namespaces/x/pods/y/proxy', '/api/v1/namespaces/x/pods/y/proxy/'],
      ['/api/v1/namespaces/x/pods/y/proxy/', '/api/v1/namespaces/x/pods/y/proxy/'],
      ['/api/v1/namespaces/x/pods/y/proxy/a%2Fb/..;//c', '/api/v1/namespaces/x/pods/y/proxy/'],
      ['/api/v1/namespaces/x/pods/y/proxy/api/v1/nodes/n/proxy/', '/api/v1/namespaces/x/pods/y/proxy/'],
      ['/api/v1/namespaces/x/pods/https:y:8443/proxy/', '/api/v1/namespaces/x/pods/https:y:8443/proxy/'],
      ['/api/v1/namespaces/x/services/http:web:/proxy/a', '/api/v1/namespaces/x/services/http:web:/proxy/'],
      ['/api/v1/namespaces/proxy/services/proxy/proxy/a', '/api/v1/namespaces/proxy/services/proxy/proxy/'],
      ['/api/v1/nodes/n-1.example:10250/proxy/metrics', '/api/v1/nodes/n-1.example:10250/proxy/'],
    ] as const) {
      assert.equal(proxySubresource(path), expected, path);
    }
  });

  it('is known in no other spelling, and for no other resource', () => {
    for (const path of [
      '/api/v1/namespaces/x/pods/y/proxyx/',
      '/api/v1/namespaces/x/pods/y/PROXY/',
      '/API/v1/namespaces/x/pods/y/proxy/',
      '/api/v1/namespaces/x/pods/y/%70roxy/',
      '/api/v1/namespaces/x/services/https%3Aweb%3A443/proxy/',
      '/api/v1/namespaces/x/pods/y%2Fproxy/',
      '/api/v1/namespaces/x/pods/y/proxy;v=1/',
      '/api/v1/namespaces/x/pods/y;v=1/proxy/',
      '/api/v1/namespaces/x/pods/y/log/proxy/',
      '/api/v1/namespaces/x/pods//proxy/',
      '/api/v1/namespaces//pods/y/proxy/',
      '/api/v1//namespaces/x/pods/y/proxy/',
      '//api/v1/namespaces/x/pods/y/proxy/',
      '/x/api/v1/namespaces/x/pods/y/proxy/',
      '/api/v2/namespaces/x/pods/y/proxy/',
      '/api/v1/namespaces/x/nodes/n/proxy/',
      '/api/v1/pods/y/proxy/',
      '/api/v1/namespaces/x/secrets/y/proxy/',
      '/api/v1/namespaces/x/proxy/',
      '/api/v1/proxy/namespaces/x/pods/y/',
      '/api/v1/watch/namespaces/x/pods/y/proxy/',
      '/apis/v1/namespaces/x/pods/y/proxy/',
      '/apis/example.com/v1/namespaces/x/pods/y/proxy/',
      '/logs/api/v1/nodes/n/proxy/',
      '',
    ]) {
      assert.equal(proxySubresource(path), undefined, path);
    }
  });
});
