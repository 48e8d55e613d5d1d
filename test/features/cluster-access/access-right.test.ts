import assert from 'node:assert/strict';
import { it } from 'node:test';
import { accessRight } from '../../../src/features/cluster-access/access-right.js';

const usage = 'is not VERB/RESOURCE (such as list/namespaces)';

it('a right is a verb and a resource as kubectl writes them, with its group unless it is of the core group', () => {
  for (const [text, expected] of [
    ['', undefined],
    ['list/namespaces', { verb: 'list', group: '', resource: 'namespaces' }],
    ['get/deployments.apps', { verb: 'get', group: 'apps', resource: 'deployments' }],
    ['create/pods/exec', { verb: 'create', group: '', resource: 'pods', subresource: 'exec' }],
    ['list/events', { verb: 'list', group: '', resource: 'events' }],
    ['use/widgets.Example.com', { verb: 'use', group: 'example.com', resource: 'widgets' }],
    ['*/*', { verb: '*', group: '', resource: '*' }],
    ['list', `--f: "list" ${usage}`],
    ['/namespaces', `--f: "/namespaces" ${usage}`],
    ['list/', '--f: "" is not RESOURCE, RESOURCE.GROUP or either with /SUBRESOURCE'],
    ['get/version\n', '--f: "version\\n" is not of the core group; write version.GROUP'],
    ['list/ns', '--f: "ns" is not how paths name it; write the full name, such as pods for po'],
    ['list/namespace', '--f: "namespace" is not how paths name it; write namespaces'],
    ['list/deployments', '--f: "deployments" is not of the core group; write deployments.apps'],
  ] as const) {
    const parsed = accessRight.parse(text, '--f');
    assert.deepEqual('value' in parsed ? parsed.value : parsed.problems[0], expected, text);
  }
});
