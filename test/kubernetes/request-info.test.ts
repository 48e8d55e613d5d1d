import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRequestInfo, proxySubresource, type RequestInfo } from '../../src/kubernetes/request-info.js';

function parse(method: string, target: string): RequestInfo {
  const [path = '', query = ''] = target.split(/\?(.*)/s);
  return parseRequestInfo(method, path, query);
}

/** `verb prefix group version namespace resource subresource name`, with `-` for an empty part. */
type Row = readonly [method: string, target: string, fields: string];

function fieldsOf(info: RequestInfo): string {
  const fields = [
    info.verb,
    info.apiPrefix,
    info.apiGroup,
    info.apiVersion,
    info.namespace,
    info.resource,
    info.subresource,
    info.name,
  ];
  return fields.map(field => field || '-').join(' ');
}

const resourceRows: readonly Row[] = [
  ['GET', '/api/v1/namespaces', 'list api - v1 - namespaces - -'],
  ['GET', '/api/v1/namespaces/other', 'get api - v1 other namespaces - other'],
  ['PATCH', '/api/v1/namespaces/other/status', 'patch api - v1 other namespaces status other'],
  ['PUT', '/api/v1/namespaces/other/finalize', 'update api - v1 other namespaces finalize other'],
  ['GET', '/api/v1/namespaces/status', 'get api - v1 status namespaces - status'],
  ['GET', '/api/v1/namespaces/other/pods', 'list api - v1 other pods - -'],
  ['GET', '/api/v1/namespaces/other/pods/foo', 'get api - v1 other pods - foo'],
  ['HEAD', '/api/v1/namespaces/other/pods/foo', 'get api - v1 other pods - foo'],
  ['GET', '/api/v1/pods', 'list api - v1 - pods - -'],
  ['POST', '/api/v1/pods', 'create api - v1 - pods - -'],
  ['DELETE', '/api/v1/namespaces/other/pods/foo', 'delete api - v1 other pods - foo'],
  ['DELETE', '/api/v1/namespaces/other/pods', 'deletecollection api - v1 other pods - -'],
  ['DELETE', '/api/v1/nodes?fieldSelector=metadata.name%3Da', 'deletecollection api - v1 - nodes - -'],
  ['OPTIONS', '/api/v1/pods', '- api - v1 - pods - -'],
  ['get', '/api/v1/pods', '- api - v1 - pods - -'],
  ['GET', '/api/v1/nodes/n1/proxy/metrics/cadvisor', 'get api - v1 - nodes proxy n1'],
  ['POST', '/api/v1/namespaces/other/pods/foo/exec', 'create api - v1 other pods exec foo'],
  ['GET', '/api/v1/namespaces/d/services/http:web:80/proxy/a/b', 'get api - v1 d services proxy http:web:80'],
  ['GET', '/api/v1/namespaces/d/pods/foo/proxy/watch?watch=1', 'get api - v1 d pods proxy foo'],
  ['PATCH', '/apis/apps/v1/namespaces/d/deployments/a/scale', 'patch apis apps v1 d deployments scale a'],
  ['GET', '/apis/apps/v1/namespaces/other', 'get apis apps v1 other namespaces - other'],

  // Slashes at the ends do not count; double slashes inside make an empty part.
  ['GET', '//api/v1/pods//', 'list api - v1 - pods - -'],
  ['GET', '/api/v1//pods', 'get api - v1 - - - pods'],
  ['GET', '/api/v1/namespaces//pods', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/namespaces/', 'list api - v1 - namespaces - -'],

  // The verbs in the path, of which only watch is still served.
  ['GET', '/api/v1/watch/pods', 'watch api - v1 - pods - -'],
  ['GET', '/api/v1/watch/namespaces/other/pods/foo', 'watch api - v1 other pods - foo'],
  [
    'GET',
    '/apis/apps/v1/watch/namespaces/d/deployments/a/scale/b',
    'watch apis apps v1 d deployments scale a',
  ],
  ['DELETE', '/api/v1/watch/pods', 'watch api - v1 - pods - -'],
  ['GET', '/api/v1/proxy/namespaces/other/pods/foo', 'proxy api - v1 other pods - foo'],
  ['POST', '/api/v1/proxy/namespaces/other/pods/foo/a/b', 'proxy api - v1 other pods - foo'],
  ['GET', '/api/v1/watch', 'get api - v1 - - - -'],
  ['GET', '/apis/apps/v1/proxy', 'get apis apps v1 - - - -'],

  // The watch parameter: the first value counts, and only false and 0 mean no.
  ['GET', '/api/v1/pods?watch=1', 'watch api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch', 'watch api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=', 'watch api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=0', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=FaLse', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=fal%C5%BFe', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=FA%4c%c5%bfE', 'list api - v1 - pods - -'],
  // HTTP/2 lets such bytes through as they are; each is one character.
  ['GET', '/api/v1/pods?watch=fal\xc5\xbfe', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=fal%7Fe', 'watch api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=false%0A', 'watch api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=0&watch=1', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=1&watch=0', 'watch api - v1 - pods - -'],
  ['GET', '/api/v1/pods?Watch=1', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=1&timeoutSeconds=never', 'watch api - v1 - pods - -'],
  // If the options cannot be decoded, only ToLower makes two spellings the same, and the first value still counts.
  ['GET', '/api/v1/pods?watch=fal%C5%BFe&limit=x', 'watch api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=fal%C5%BFe&timeoutSeconds=', 'watch api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=fal%C5%BFe&fieldSelector=a', 'watch api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=fal%C5%BFe&fieldSelector=a!%3D%5Cx', 'watch api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=fal%C5%BFe&labelSelector=a%20in', 'watch api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=fal%C5%BFe&labelSelector=a%20in%20()', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name%3Dx&labelSelector=%3D%3D', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name%3Dx&labelSelector=a', 'list api - v1 - pods - x'],
  ['GET', '/api/v1/pods?watch=FALSE&limit=x', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=0&fieldSelector=a', 'list api - v1 - pods - -'],
  [
    'GET',
    '/api/v1/pods?watch=fal%C5%BFe&limit=1&timeoutSeconds=-1&fieldSelector=,',
    'list api - v1 - pods - -',
  ],
  ['GET', '/api/v1/pods?watch=fal%C5%BFe&limit=1&limit=x', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/namespaces/d/pods/foo?watch=1', 'get api - v1 d pods - foo'],
  ['POST', '/api/v1/namespaces/d/pods?watch=1', 'create api - v1 d pods - -'],

  // Percent-encoding, plus and semicolons, as url.ParseQuery reads them.
  ['GET', '/api/v1/pods?watch=f%61lse', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?watch=1;a=b', 'list api - v1 - pods - -'],

  // One object of a list or watch.
  ['GET', '/api/v1/nodes?fieldSelector=metadata.name=n1', 'list api - v1 - nodes - n1'],
  ['GET', '/api/v1/nodes?fieldSelector=metadata.name%3D%3Dn1&watch=1', 'watch api - v1 - nodes - n1'],
  ['GET', '/api/v1/pods?fieldSelector=spec.nodeName=x,metadata.name=a', 'list api - v1 - pods - a'],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name!=a', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name=a%2Fb', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name=..', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name=.', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name=a&limit=x', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name=a&limit=9223372036854775808', 'list api - v1 - pods - -'],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name=a&limit=9223372036854775807', 'list api - v1 - pods - a'],
  ['GET', '/api/v1/pods?fieldSelector=&watch=0', 'list api - v1 - pods - -'],
];

const nonResourceRows: readonly Row[] = [
  ['GET', '/', 'get - - - - - - -'],
  ['GET', '', 'get - - - - - - -'],
  ['HEAD', '/livez/ping', 'head - - - - - - -'],
  ['POST', '/metrics', 'post - - - - - - -'],
  ['GET', '/api/v1', 'get - - - - - - -'],
  ['GET', '/api/v1/', 'get - - - - - - -'],
  ['GET', '/apis/apps', 'get - - - - - - -'],
  ['GET', '/apis/apps/v1', 'get apis - - - - - -'],
  ['GET', '/apis/apps/v1/?watch=1', 'get apis - - - - - -'],
  ['GET', '/API/v1/pods', 'get - - - - - - -'],
  ['GET', '/logs/api/v1/pods', 'get - - - - - - -'],
  ['GET', '/openapi/v3/apis/apps/v1', 'get - - - - - - -'],
  ['PROPFIND', '/healthz', 'propfind - - - - - - -'],
];

describe('RequestInfo', () => {
  for (const [isResourceRequest, rows] of [
    [true, resourceRows],
    [false, nonResourceRows],
  ] as const) {
    for (const [method, target, expected] of rows) {
      it(`of ${method} ${target || '(nothing)'} is ${expected}`, () => {
        const info = parse(method, target);
        assert.equal(fieldsOf(info), expected);
        assert.equal(info.isResourceRequest, isResourceRequest);
        assert.equal(info.path, target.split('?')[0]);
      });
    }
  }
});

describe('the long-running check', () => {
  const longRunning = [
    '/api/v1/pods?watch=1',
    '/api/v1/watch/pods',
    '/api/v1/proxy/nodes/n1',
    '/api/v1/namespaces/d/pods/p/exec',
    '/api/v1/namespaces/d/pods/p/attach',
    '/api/v1/namespaces/d/pods/p/portforward',
    '/api/v1/namespaces/d/pods/p/proxy/x',
    '/api/v1/namespaces/d/services/s/proxy',
    '/api/v1/namespaces/d/pods/p/log',
    '/debug/pprof/profile',
  ];
  const short = [
    '/api/v1/pods',
    '/api/v1/pods?watch=0',
    '/api/v1/pods?watch=fal%C5%BFe',
    '/api/v1/namespaces/d/pods/log',
    '/api/v1/namespaces/d/pods/p/status?watch=1',
    '/debug/pprof',
    '/healthz',
    '/logs/exec',
  ];
  it('holds for watches, logs, connects and profiles', () => {
    for (const target of longRunning) assert.equal(parse('GET', target).isLongRunning, true, target);
    for (const target of short) assert.equal(parse('GET', target).isLongRunning, false, target);
  });
});

describe('the connect verb', () => {
  it('stands for exec, attach, portforward and proxy with any method, and not for logs, a pod with the name exec, or a path that ends in exec', () => {
    for (const subresource of ['exec', 'attach', 'portforward', 'proxy']) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        assert.equal(parse(method, `/api/v1/namespaces/d/pods/p/${subresource}`).isConnect, true);
      }
    }
    assert.equal(parse('GET', '/api/v1/proxy/namespaces/d/pods/p').isConnect, true);
    for (const target of [
      '/api/v1/namespaces/d/pods/p/log',
      '/api/v1/namespaces/d/pods/exec',
      '/x/pods/p/exec',
    ])
      assert.equal(parse('GET', target).isConnect, false, target);
  });
});

describe('the scope', () => {
  const rows: readonly (readonly [method: string, target: string, scope: string])[] = [
    ['GET', '/api/v1/namespaces/d/pods/p', 'resource'],
    ['GET', '/api/v1/nodes/n', 'resource'],
    ['POST', '/api/v1/namespaces/d/pods', 'resource'],
    ['GET', '/api/v1/pods?fieldSelector=metadata.name=a', 'resource'],
    ['GET', '/api/v1/namespaces/d/pods', 'namespace'],
    ['DELETE', '/api/v1/namespaces/d/pods', 'namespace'],
    ['GET', '/api/v1/pods', 'cluster'],
    ['GET', '/healthz', ''],
  ];
  for (const [method, target, scope] of rows) {
    it(`of ${method} ${target} is "${scope}"`, () => assert.equal(parse(method, target).scope, scope));
  }
});

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
