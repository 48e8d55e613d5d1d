import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { anyApiServer } from '../any-api-server.js';
import { requestApi } from '../clients/http-client.js';
import { ApiTypes, groupVersion } from './discovery.js';

const server = await anyApiServer({ after });
const lists = new ApiTypes().all.filter(({ verbs, resource }) => {
  // It ignores selectors.
  return verbs.includes('list') && resource !== 'componentstatuses';
});

/** The resources whose empty lists have null in place of an empty list. */
async function withNull(accept: string, member: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const type of lists) {
    const path = `${type.group === '' ? '/api' : '/apis'}/${groupVersion(type)}/${type.resource}`;
    const query = '?labelSelector=nobody%3Dhas-this';
    const { status, text } = await requestApi(server, { path: path + query, headers: { accept } });
    assert.equal(status, 200, path);
    const list = (JSON.parse(text) as Record<string, unknown>)[member];
    assert.ok(list === null || (Array.isArray(list) && list.length === 0), path);
    if (list === null) found.push(type.resource);
  }
  return found;
}

test('an empty list of metadata is null, and so are the rows of a Table that no printer makes', async () => {
  const as = (form: string) => `application/json;as=${form};g=meta.k8s.io;v=v1`;
  assert.deepEqual(await withNull('application/json', 'items'), []);
  assert.deepEqual(
    await withNull(as('PartialObjectMetadataList'), 'items'),
    lists.map(({ resource }) => resource),
  );
  const unprinted = await withNull(as('Table'), 'rows');
  assert.deepEqual(unprinted, [
    ...['limitranges', 'clusterroles', 'roles', 'csistoragecapacities', 'customresourcedefinitions'],
  ]);
});
