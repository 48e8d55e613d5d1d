import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { refusedGroup } from '../../src/kubernetes/refused-group.js';
import { assertLinear } from '../support/growth.js';

const gateway = 'system:serviceaccount:team "a":gw';

/** The API server's message, as Go's %q writes the names. */
function message(resource: string, name: string): string {
  return `${resource} ${JSON.stringify(name)} is forbidden: User ${JSON.stringify(gateway)} cannot impersonate resource "${resource}" in API group "" at the cluster scope`;
}

const status = (text: string) => ({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message: text });

describe("the API server's refusal to impersonate", () => {
  for (const group of ['ops', 'Platform Team, "EU" <x&y>', 'équipe', 'a\\b', "it's"]) {
    const text = message('groups', group);
    for (const [form, body] of [
      ['JSON', JSON.stringify(status(text))],
      ['JSON with breaks', JSON.stringify(status(text), undefined, 2)],
      ...(group === 'ops' ? [['YAML with broken lines', stringify(status(text))] as const] : []),
      ['Protobuf', `k8s\0\n\f\n\x02v1\x12\x06Status\x1a\ufffd\x01${text}"\tForbidden*\x1b`],
    ] as const) {
      it(`names the group ${group}, as ${form}`, () => {
        const error = refusedGroup(body, ['dev', group]);
        assert.equal(error?.group, group);
        assert.equal(error?.code, 403);
        assert.ok(error?.message.includes(`impersonate the group ${JSON.stringify(group)}, which`));
        assert.equal(refusedGroup(body, ['dev']), undefined, 'another user is not in the group');
        const told: string[][] = [];
        error?.count({
          rejected: (reason: string) => void told.push(['rejected', reason]),
          refusedGroup: (name: string) => void told.push(['refusedGroup', name]),
          failedUpstream: () => assert.fail('it is a rejection'),
        });
        assert.deepEqual(told, [
          ['rejected', 'refused_group'],
          ['refusedGroup', group],
        ]);
      });
    }
  }

  it('is looked for in linear time', () => {
    for (const part of ['groups "', `${message('groups', 'ops').slice(0, -60)} `]) {
      assertLinear(400_000, length => {
        const body = part.repeat(length / part.length);
        return () => refusedGroup(body, ['ops', 'dev']);
      });
    }
  });

  it('is none about a user, none about another right, and none in other bodies', () => {
    for (const body of [
      JSON.stringify(status(message('users', 'ops'))),
      JSON.stringify(status(message('groups', 'ops').replace('ops', String.raw`o\x7fs`))),
      JSON.stringify(status('pods is forbidden: User "ops" cannot list resource "pods" in API group ""')),
      ...['', 'null', '[]', '{"message":7}', 'no'],
    ]) {
      assert.equal(refusedGroup(body, ['ops', '7']), undefined, body);
    }
  });
});
