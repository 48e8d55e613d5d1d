import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forbiddenMessage } from '../../src/reviews/forbidden.js';

describe('the message about what a user may not do', () => {
  it('is never long, however long a name is', () => {
    const name = 'x'.repeat(60_000);
    const message = forbiddenMessage('alice', { resourceAttributes: { resource: 'users', name } }, '');
    assert.ok(message.startsWith('users "xxx') && message.length < 1_200, String(message.length));
    const ofPath = { nonResourceAttributes: { verb: 'get', path: `/${name}` } };
    assert.ok(forbiddenMessage('alice', ofPath, '').length < 1_200);
  });

  it('has the words of the API server', () => {
    const core = { verb: 'impersonate', version: 'v1', group: '' };
    const other = { ...core, group: 'authentication.k8s.io' };
    const escaped = String.raw`"\"\\\n\x7f\u200bé"`;
    for (const [attributes, reason, message] of [
      [
        { ...core, resource: 'users', name: 'carol' },
        '',
        'users "carol" is forbidden: User "al<i>&ce" cannot impersonate resource "users" in API group "" at the cluster scope',
      ],
      [
        { ...core, resource: 'serviceaccounts', namespace: 'shop', name: 'robot' },
        'RBAC: clusterrole.rbac.authorization.k8s.io "x" not found',
        'serviceaccounts "robot" is forbidden: User "al<i>&ce" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "shop": RBAC: clusterrole.rbac.authorization.k8s.io "x" not found',
      ],
      [
        { ...other, resource: 'userextras', subresource: 'acme.com/a', name: '' },
        '',
        'userextras.authentication.k8s.io is forbidden: User "al<i>&ce" cannot impersonate resource "userextras/acme.com/a" in API group "authentication.k8s.io" at the cluster scope',
      ],
      [
        { ...core, verb: 'list', resource: 'pods' },
        '',
        'pods is forbidden: User "al<i>&ce" cannot list resource "pods" in API group "" at the cluster scope',
      ],
      [
        { ...core, verb: 'get', resource: 'pods', name: '"\\\n\x7f\u200bé' },
        '',
        `pods ${escaped} is forbidden: User "al<i>&ce" cannot get resource "pods" in API group "" at the cluster scope`,
      ],
      [
        { verb: 'get', group: 'acme.com', name: 'x' },
        '',
        '.acme.com "x" is forbidden: User "al<i>&ce" cannot get resource "" in API group "acme.com" at the cluster scope',
      ],
      [
        { verb: 'get', path: '/healthz' },
        'closed',
        'forbidden: User "al<i>&ce" cannot get path "/healthz": closed',
      ],
    ] as const) {
      const asked =
        'path' in attributes ? { nonResourceAttributes: attributes } : { resourceAttributes: attributes };
      assert.equal(forbiddenMessage('al<i>&ce', asked, reason), message.replace('<i>&', '&lt;i&gt;&amp;'));
    }
  });
});
