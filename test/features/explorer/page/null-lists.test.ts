import assert from 'node:assert/strict';
import { it } from 'node:test';
import { verdictOf } from '../../../../src/features/explorer/page/api/access.js';
import {
  readAggregated,
  readVersion,
  versionsOf,
} from '../../../../src/features/explorer/page/api/discovery.js';
import { readTable } from '../../../../src/features/explorer/page/api/table.js';
import { resourceOf } from './recorded-index.js';

const pods = resourceOf('', 'pods');
const get = { subresource: '', verb: 'get' };
const lists = { verbs: null, shortNames: null, subresources: null };
const rule = { verbs: null, apiGroups: null, resources: null, resourceNames: null };
const kind = 'APIGroupDiscoveryList';
const nothing = { verbs: [], shortNames: [], subresources: [] };
const things = { group: 'a', version: 'v1', name: 'things', kind: '', namespaced: false, ...nothing };

for (const [name, read, expected] of [
  ['aggregated discovery', () => readAggregated({ kind, items: null }), []],
  ['a group', () => readAggregated({ kind, items: [{ versions: null }] }), [{ name: '', versions: [] }]],
  [
    'a version and a resource',
    () =>
      readAggregated({
        kind,
        items: [
          {
            metadata: { name: 'a' },
            versions: [
              { version: 'v1', resources: [{ resource: 'things', scope: 'Cluster', ...lists }] },
              { version: 'v2', resources: null },
            ],
          },
        ],
      })[0]?.versions.map(({ resources }) => resources),
    [[things], []],
  ],
  ['a group without aggregation', () => versionsOf({ name: 'a', versions: null }), []],
  [
    'a version without aggregation',
    () => readVersion('a', 'v1', { groupVersion: 'a/v1', resources: null }).resources,
    [],
  ],
  [
    'a resource without aggregation',
    () =>
      readVersion('a', 'v1', {
        groupVersion: 'a/v1',
        resources: [{ name: 'things', kind: '', namespaced: false, ...lists }],
      }).resources,
    [things],
  ],
  ['a list', () => readTable({ kind: 'ThingList', items: null }).rows, []],
  ['a table', () => readTable({ kind: 'Table', columnDefinitions: null, rows: null }).rows, []],
  ['a row', () => readTable({ kind: 'Table', rows: [{ cells: null, object: null }] }).rows[0]?.cells, []],
  ['a review of rules', () => verdictOf({ resourceRules: null, incomplete: false }, pods, get), 'no'],
  ['a rule', () => verdictOf({ resourceRules: [rule], incomplete: true }, pods, get), 'unknown'],
] as const) {
  it(`${name} may have null in place of a list`, () => assert.deepEqual(read(), expected));
}
