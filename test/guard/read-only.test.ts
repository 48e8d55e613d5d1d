import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rejectWrite } from '../../src/guard/read-only.js';
import { headOf, infoOf, rejectionOf } from './judged-request.js';
import { uncertainSpellings } from './uncertain-spellings.js';

type Headers = Readonly<Record<string, string>>;

function passes(line: string, headers: Headers = {}): void {
  assert.equal(
    rejectionOf(() => rejectWrite(infoOf(line), headOf(line, headers))),
    undefined,
    `${line} ${JSON.stringify(headers)}`,
  );
}

function refuses(line: string, headers: Headers = {}): void {
  const refusal = rejectionOf(() => rejectWrite(infoOf(line), headOf(line, headers)));
  assert.equal(refusal?.reason, 'read_only', `${line} ${JSON.stringify(headers)}`);
  assert.match(refusal.message, /--read-only/);
}

const pod = '/api/v1/namespaces/a/pods/web';
const authentication = '/apis/authentication.k8s.io/v1';
const authorization = '/apis/authorization.k8s.io/v1';
const websocket = { upgrade: 'websocket' };

describe('--read-only', () => {
  it('accepts get, list and watch of every resource, aggregated and custom ones too, with GET and HEAD', () => {
    for (const target of [
      pod,
      ...['/api/v1/namespaces/a/pods', '/api/v1/pods?watch=true'],
      ...['/api/v1/watch/namespaces/a/pods/web', '/api/v1/watch/pods'],
      ...['/api/v1/namespaces/a', '/api/v1/namespaces/a/status'],
      `${pod}/log?follow=true`,
      `${pod}/status`,
      `${pod}/ephemeralcontainers`,
      '/apis/apps/v1/namespaces/a/deployments/web/scale',
      '/apis/example.com/v1/namespaces/a/widgets/w/anything',
      '/apis/metrics.k8s.io/v1beta1/nodes',
      '/apis/custom.metrics.k8s.io/v1beta1/namespaces/a/pods/*/http_requests',
    ]) {
      passes(`GET ${target}`);
      passes(`HEAD ${target}`);
    }
  });

  it('accepts GET and HEAD of other paths, except profiling', () => {
    for (const path of ['/', '/api', '/apis/apps/v1', '/version', '/openapi/v2', '/metrics', '/logs/x.log']) {
      passes(`GET ${path}`);
      passes(`HEAD ${path}`);
      refuses(`POST ${path}`);
    }
    for (const path of ['/debug/pprof', '/debug/pprof/profile?seconds=600', '//debug/pprof/trace'])
      refuses(`GET ${path}`);
  });

  it('accepts the creation of access reviews, and nothing else of their groups', () => {
    for (const path of [
      `${authorization}/selfsubjectaccessreviews`,
      `${authorization}/selfsubjectrulesreviews`,
      `${authorization}/subjectaccessreviews`,
      `${authorization}/namespaces/a/localsubjectaccessreviews`,
      `${authentication}/selfsubjectreviews`,
      `${authentication}/tokenreviews`,
      '/apis/authentication.k8s.io/v1beta1/selfsubjectreviews?dryRun=All',
    ]) {
      passes(`POST ${path}`);
      for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS']) refuses(`${method} ${path}`);
      refuses(`POST ${path}`, websocket);
    }
    for (const path of [
      `${authorization}/tokenreviews`,
      `${authorization}/selfsubjectaccessreviews/name`,
      `${authorization}/selfsubjectaccessreviews/name/status`,
      `${authorization}/watch/selfsubjectaccessreviews`,
      `${authorization}/SelfSubjectAccessReviews`,
      `${authorization}//selfsubjectaccessreviews`,
      '/apis/authorization.example.com/v1/selfsubjectaccessreviews',
      '/apis/example.com/v1/tokenreviews',
      '/api/v1/tokenreviews',
    ]) {
      refuses(`POST ${path}`);
    }
  });

  it('rejects every write, even dry runs and subresources, and methods that RequestInfo does not know', () => {
    for (const target of [
      ...['/api/v1/namespaces/a/pods?dryRun=All', '/api/v1/namespaces', '/version', '/debug/flags/v'],
      ...[pod, `${pod}/binding`, `${pod}/eviction`, `${pod}/ephemeralcontainers`, `${pod}/resize`],
      ...['/api/v1/namespaces/a/serviceaccounts/default/token', '/api/v1/namespaces/a/finalize'],
      '/apis/apps/v1/namespaces/a/deployments/web/scale',
      '/apis/certificates.k8s.io/v1/certificatesigningrequests/c/approval',
      ...['/apis/example.com/v1/namespaces/a/widgets/w/start', '/api/v1/watch/namespaces/a/pods'],
    ]) {
      for (const method of [
        ...['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'COPY', 'PROPFIND', 'QUERY', 'LINK'],
        ...['M-SEARCH', 'get'],
      ])
        refuses(`${method} ${target}`);
    }
  });

  it('rejects exec, attach, port-forward and proxy with any method, upgrade, case and path', () => {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      for (const path of [
        ...[`${pod}/exec?command=id`, `${pod}/attach`, `${pod}/portforward`, `${pod}/proxy`],
        ...[`${pod}/proxy/index.html`, `${pod}/EXEC`, `${pod}/Proxy/x`, `${pod}/%65xec`],
        ...[`${pod}%2fexec`, `/${pod}/exec/`, '/api/v1/pods/web/exec'],
        ...['/api/v1/namespaces/a/services/web/proxy/', '/api/v1/nodes/n/proxy/run/a/web/c'],
        ...['/api/v1/proxy/nodes/n/metrics', '/api/v1/proxy/namespaces/a/services/web'],
        ...['/api/v1/proxy/namespaces/a/pods/web/log', '/api/v1/watch/namespaces/a/pods/web/exec'],
        ...['/apis/example.com/v1/namespaces/a/machines/m/portforward', `${pod}/exec?watch=true`],
      ]) {
        for (const upgrade of [{}, websocket, { upgrade: 'SPDY/3.1' }]) refuses(`${method} ${path}`, upgrade);
      }
    }
  });

  it('accepts a WebSocket that reads a watch or a log, and no other upgrade', () => {
    for (const target of [
      '/api/v1/pods?watch=1',
      '/api/v1/watch/pods',
      '/api/v1/watch/namespaces/a/pods/web',
      '/apis/example.com/v1/widgets?watch=true&fieldSelector=metadata.name%3Dw',
      `${pod}/log?follow=true`,
    ]) {
      passes(`GET ${target}`, websocket);
      passes(`GET ${target}`, { upgrade: 'WebSocket' });
      for (const upgrade of ['SPDY/3.1', 'websocket, x', 'x, websocket', 'tcp', '']) {
        refuses(`GET ${target}`, { upgrade });
      }
      refuses(`POST ${target}`, websocket);
    }
    // The proxy never accepts an offer of HTTP/2 over plain TCP: this is a plain request.
    passes(`GET ${pod}`, { upgrade: 'h2c' });
    refuses(`GET ${pod}/exec`, { upgrade: 'h2c' });
    for (const target of [
      pod,
      `${pod}?watch=true`,
      '/api/v1/pods',
      '/api/v1/pods?watch=false',
      '/version',
      '/api/v1/pods;watch=true',
      '/apis/subresources.kubevirt.io/v1/namespaces/a/virtualmachineinstances/vm/console',
      '/apis/subresources.kubevirt.io/v1/namespaces/a/virtualmachineinstances/vm/console?watch=true',
      '/apis/subresources.kubevirt.io/v1/watch/namespaces/a/virtualmachineinstances/vm/vnc',
      '/apis/subresources.kubevirt.io/v1/namespaces/a/virtualmachineinstances/vm/log',
      '/apis/example.com/v1/namespaces/a/pods/p/log',
    ]) {
      refuses(`GET ${target}`, websocket);
    }
  });

  it('rejects headers that some program reads as another method', () => {
    for (const name of [
      ...['x-http-method-override', 'x-http-method', 'x-method-override'],
      ...['x_http_method_override', 'x-http_method', 'x_method-override'],
      ...['http-method-override', 'HTTP_METHOD_OVERRIDE', 'method-override', 'HTTP-Method'],
      ...['X-HttpMethodOverride', 'XHTTPMethod', 'X-MethodOverride'],
    ]) {
      refuses(`GET ${pod}`, { [name]: 'DELETE' });
      refuses('POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { [name]: 'DELETE' });
      refuses('GET /version', { [name]: '' });
    }
  });

  it('rejects requests that it cannot read, but no longer name than one that it rejects', () => {
    for (const target of uncertainSpellings) {
      refuses(`GET ${target}`);
      refuses(`GET ${target}`, websocket);
    }
    for (const target of [`${pod}/execs`, `${pod}/xexec`, '/x/debug/pprof/', '/debug/pprofx'])
      passes(`GET ${target}`);
    passes(`GET ${pod}`, { 'My-Method': 'DELETE', 'Method-Name': 'DELETE', 'X-HTTP-Methods': 'DELETE' });
    refuses('GET /api/v1/namespaces/a/services/web/log', websocket);
  });
});
