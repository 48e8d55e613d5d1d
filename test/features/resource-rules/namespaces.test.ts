import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createNamespaceCheck, namespaces } from '../../../src/features/resource-rules/namespaces.js';
import { wholeRegexpList } from '../../../src/guard/regexp-list.js';
import { infoOf, rejectionOf, requestOf } from '../../guard/judged-request.js';
import { uncertainSpellings } from '../../guard/uncertain-spellings.js';
import { parsedValue } from '../../support/option-value.js';

function guardFor(source: string) {
  const guard = createNamespaceCheck(parsedValue(wholeRegexpList, source));
  return {
    passes(line: string): void {
      for (let round = 0; round < 2; round++)
        assert.equal(rejectionOf(() => guard(infoOf(line)))?.message, undefined, line);
    },
    refuses(line: string): void {
      const refusal = rejectionOf(() => guard(infoOf(line)));
      assert.equal(refusal?.reason, 'namespace', line);
      assert.match(refusal.message, /--accept-namespaces/);
    },
  };
}

const { passes, refuses } = guardFor('team-a,b-.*');

describe('--accept-namespaces', () => {
  it('accepts requests in the namespaces, and those for the Namespace itself', () => {
    for (const line of [
      ...['GET /api/v1/namespaces/team-a/pods', 'GET /api/v1/namespaces/b-1/pods?watch=true'],
      ...['POST /api/v1/namespaces/team-a/pods/web/exec', 'DELETE /api/v1/namespaces/team-a/secrets'],
      'GET /api/v1/watch/namespaces/team-a/pods',
      'GET /api/v1/proxy/namespaces/team-a/services/web//x',
      ...['GET /api/v1/namespaces/team-a/services/web/proxy/x//y', 'GET /api/v1/namespaces/team-a'],
      ...['PUT /api/v1/namespaces/team-a/finalize', 'GET /api/v1/namespaces/team-a/status'],
      'GET /apis/example.com/v1/namespaces/team-a/widgets/w',
      'POST /apis/authorization.k8s.io/v1/namespaces/team-a/localsubjectaccessreviews',
      ...['GET /api/v1/namespaces/te%61m-a/pods', 'OPTIONS /api/v1/namespaces/team-a/pods'],
    ]) {
      passes(line);
    }
  });

  it('rejects other namespaces, and names that only contain an accepted one', () => {
    for (const namespace of [
      ...['kube-system', 'team-ab', 'xteam-a', 'team-a.b', 'team-', 'TEAM-A', '*', 'team-a%20'],
    ]) {
      for (const line of [
        ...[`GET /api/v1/namespaces/${namespace}/pods`, `GET /api/v1/namespaces/${namespace}`],
        `GET /api/v1/watch/namespaces/${namespace}/pods`,
        `GET /api/v1/proxy/namespaces/${namespace}/pods/p`,
        `GET /apis/example.com/v1/namespaces/${namespace}/widgets`,
      ]) {
        refuses(line);
      }
    }
  });

  it('rejects requests without a namespace: lists across all, cluster-scoped objects, unknown ones', () => {
    for (const line of [
      ...['GET /api/v1/pods', 'GET /api/v1/pods?watch=true', 'GET /api/v1/watch/pods'],
      'GET /api/v1/pods?fieldSelector=metadata.namespace%3Dteam-a',
      ...['GET /api/v1/pods?namespace=team-a', 'DELETE /api/v1/pods', 'GET /api/v1/namespaces'],
      ...['GET /api/v1/namespaces/', 'GET /api/v1/namespaces?fieldSelector=metadata.name%3Dteam-a'],
      ...['POST /api/v1/namespaces', 'GET /api/v1/nodes', 'GET /api/v1/nodes/n/proxy/pods'],
      ...['GET /api/v1/persistentvolumes', 'GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions'],
      'GET /apis/example.com/v1/unknowns/team-a',
      'GET /apis/rbac.authorization.k8s.io/v1/clusterroles',
      'POST /apis/authorization.k8s.io/v1/subjectaccessreviews',
      'POST /apis/authorization.k8s.io/v1/localsubjectaccessreviews',
      'POST /apis/authentication.k8s.io/v1/tokenreviews',
      'GET /apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x',
      'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews//status',
      'POST /apis/example.com/v1/selfsubjectreviews',
    ]) {
      refuses(line);
    }
  });

  it('accepts discovery, version, OpenAPI, health and reviews of the caller', () => {
    for (const line of [
      ...['GET /', 'GET //', 'GET //version', 'GET /api', 'GET /api/', 'GET /api/v1', 'GET /apis'],
      ...['GET /apis/apps/v1', 'GET /version', 'GET /version/', 'GET /openapi/v3/apis/apps/v1'],
      ...['GET /healthz', 'GET /livez/ping', 'GET /readyz?verbose'],
      ...['GET /.well-known/openid-configuration', 'GET /openid/v1/jwks'],
      'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      'POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
      'POST /apis/authentication.k8s.io/v1/selfsubjectreviews',
    ]) {
      passes(line);
    }
  });

  it('rejects other paths, which reveal the whole cluster', () => {
    for (const path of [
      ...['/metrics', '/metrics/slis', '/logs/audit.log', '/debug/pprof/', '/versions', '/x'],
      ...['/x/version', '/.well-known/x'],
      ...['/.well-known/openid-configuration/x', '/openid/v1/jwks/x'],
    ]) {
      refuses(`GET ${path}`);
    }
  });

  it('rejects requests that it cannot read, even if it accepts every namespace', () => {
    for (const target of uncertainSpellings) guardFor('.+').refuses(`GET ${target}`);
  });

  it('accepts nothing if the list is empty', () => {
    guardFor('').refuses('GET /api/v1/namespaces/a/pods');
    guardFor('').passes('GET /api');
  });
});

describe('the guard for namespaces', () => {
  it('is off by default, and rejects by the path that rules decide on', () => {
    const guardOf = (source: string) =>
      namespaces.create({ acceptNamespaces: parsedValue(wholeRegexpList, source) });
    assert.equal(guardOf('.*'), undefined);
    const judge = (line: string) => rejectionOf(() => guardOf('team-a')?.(requestOf(line)))?.reason;
    assert.equal(judge('GET /api/v1/namespaces/team-a/pods'), undefined);
    assert.equal(judge('GET /api/v1/namespaces/other/pods'), 'namespace');
    const { name, stage, reasons, options } = namespaces;
    assert.equal(options.acceptNamespaces.default, '.*');
    assert.deepEqual([name, stage, reasons], ['namespaces', 'operation', ['namespace']]);
  });
});
