import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { operationsOf, verdictOf } from '../../../../src/features/explorer/page/api/access.js';
import { requestLine } from '../../../../src/features/explorer/page/api/rules.js';
import { resourceOf } from './recorded-index.js';

const pods = resourceOf('', 'pods');
const get = { subresource: '', verb: 'get' };
const log = { subresource: 'log', verb: 'get' };

describe('the rights of a caller', () => {
  const rule = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
  const any = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };

  it('follow from the rules, and are unknown if incomplete rules have no match', () => {
    for (const [rules, operation, isAllowed] of [
      [[rule], get, true],
      [[any], get, true],
      [[{ ...rule, resourceNames: ['one'] }], get, false],
      [[{ ...rule, resources: ['pods/log', '*/scale'] }], get, false],
      [[{ ...rule, apiGroups: ['apps'] }], get, false],
      [[], get, false],
      // Go writes null in place of an empty list.
      [null, get, false],
      [[{ verbs: null, apiGroups: null, resources: null, resourceNames: null }], get, false],
      // A right to the resource is no right to its subresources (RBAC's ResourceMatches).
      [[rule], log, false],
      [[any], log, true],
      [[{ ...rule, resources: ['pods/log'] }], log, true],
      [[{ ...rule, resources: ['*/log'] }], log, true],
      [[{ ...rule, resources: ['*/exec', 'pods/exec', 'nodes/log', 'log'] }], log, false],
      [[{ ...rule, resources: ['pods/log'] }], { ...log, verb: 'create' }, false],
    ] as const) {
      const verdict = (incomplete: boolean) =>
        verdictOf({ resourceRules: rules, incomplete }, pods, operation);
      assert.equal(verdict(false), isAllowed ? 'yes' : 'no');
      assert.equal(verdict(true), isAllowed ? 'yes' : 'unknown');
    }
  });
});

describe('the operations of a resource', () => {
  it('are its verbs in the usual order, and then those of its subresources', () => {
    const operations = operationsOf(pods).map(({ subresource, verb }) => `${subresource} ${verb}`);
    const first = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];
    assert.deepEqual(
      operations.slice(0, 8),
      first.map(verb => ` ${verb}`),
    );
    const own = operationsOf({ ...pods, verbs: ['x', 'list', 'get'], subresources: [] });
    assert.deepEqual(
      own.map(({ verb }) => verb),
      ['get', 'list', 'x'],
    );
    for (const operation of ['exec get', 'exec create', 'log get', 'eviction create', 'status patch']) {
      assert.ok(operations.includes(operation), operation);
    }
  });

  it('are requests for the rules of the proxy', () => {
    const nodes = resourceOf('', 'nodes');
    const deployments = resourceOf('apps', 'deployments');
    for (const [resource, namespace, operation, line] of [
      [pods, 'a', 'get', 'GET /api/v1/namespaces/a/pods/name'],
      [pods, '', 'get', 'GET /api/v1/pods/name'],
      [pods, '', 'list', 'GET /api/v1/pods'],
      [pods, 'a', 'watch', 'GET /api/v1/namespaces/a/pods?watch=true'],
      [pods, 'a', 'create', 'POST /api/v1/namespaces/a/pods'],
      [pods, 'a', 'deletecollection', 'DELETE /api/v1/namespaces/a/pods'],
      [pods, 'a', 'get log', 'GET /api/v1/namespaces/a/pods/name/log'],
      [pods, 'a', 'create exec', 'POST /api/v1/namespaces/a/pods/name/exec'],
      [deployments, 'ü b', 'patch scale', 'PATCH /apis/apps/v1/namespaces/%C3%BC%20b/deployments/name/scale'],
      [nodes, '', 'delete', 'DELETE /api/v1/nodes/name'],
      [nodes, '', 'frobnicate', undefined],
    ] as const) {
      const [verb = '', subresource = ''] = operation.split(' ');
      assert.equal(
        requestLine('/clusters/x', resource, namespace, { subresource, verb }),
        line?.replace(' ', ' /clusters/x'),
      );
    }
  });
});
