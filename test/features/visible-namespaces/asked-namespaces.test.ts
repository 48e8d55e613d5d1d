import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAskedNamespaces } from '../../../src/features/visible-namespaces/asked-namespaces.js';

const read = (query: string, accept?: string) =>
  readAskedNamespaces(true, query, accept === undefined ? [] : ['accept', accept]);

test('what the gateway sends too is as sent, without what it says in its own way', () => {
  const asked = read(
    'watch=1&labelSelector=a%3Db&fieldSelector=metadata.name%21%3Dx&limit=5&continue=c&resourceVersion=7&resourceVersion=8&resourceVersionMatch=Exact&%zz&timeoutSeconds=9&allowWatchBookmarks&sendInitialEvents=true&timeout=9s',
  );
  assert.deepEqual(asked, {
    isWatch: true,
    selection: 'labelSelector=a%3Db&timeoutSeconds=9',
    fieldSelector: 'metadata.name!=x',
    selectsSome: true,
    version: '7',
    versionQuery: 'resourceVersion=7&resourceVersion=8&resourceVersionMatch=Exact',
    continues: true,
    sendsInitialEvents: true,
    wantsBookmarks: true,
    accept: 'application/json',
    withoutObjects: false,
  });
  for (const [query, selectsSome] of [
    ['labelSelector=&fieldSelector=', false],
    ['labelSelector=a', true],
    ['field%53elector=a%3Db', true],
    ['limit=500', false],
  ] as const)
    assert.equal(read(query).selectsSome, selectsSome, query);
  assert.deepEqual(
    ['None', 'Metadata', 'Object', ''].map(value => {
      const { selection, withoutObjects } = read(value === '' ? '' : `includeObject=${value}`);
      return [selection, withoutObjects];
    }),
    [
      ['includeObject=Metadata', true],
      ['includeObject=Metadata', false],
      ['includeObject=Object', false],
      ['', false],
    ],
  );
});

test('of what a client accepts, only JSON is asked for', () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  for (const [accept, json] of [
    [undefined, 'application/json'],
    [' ', 'application/json'],
    ['*/*', '*/*'],
    [`application/vnd.kubernetes.protobuf, ${table},application/json`, `${table},application/json`],
    ['text/html,application/xml;q=0.9,*/*;q=0.8', '*/*;q=0.8'],
    ['APPLICATION/JSON', 'APPLICATION/JSON'],
    ['application/vnd.kubernetes.protobuf', undefined],
    ['application/yaml, application/cbor', undefined],
    ['application/jsonx', undefined],
  ] as const)
    assert.equal(read('', accept).accept, json, accept);
});
