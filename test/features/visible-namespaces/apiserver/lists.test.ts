import assert from 'node:assert/strict';
import { eventually } from '../../../support/eventually.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { FilteringGateway } from '../../../support/kube-apiserver/filtering-gateway.js';

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const partial = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
const protobuf = 'application/vnd.kubernetes.protobuf';

test('a list has the namespaces that its user may get, in each format, and no byte of any other one', async (t, server) => {
  const gateway = await FilteringGateway.start(t, server, { users: ['ann', 'bob', 'eve'] });
  const { id } = gateway;
  const [own, team, hidden] = await Promise.all([
    gateway.namespace('own', { stage: 'test' }),
    gateway.namespace('team'),
    gateway.namespace('secret', { stage: 'test' }),
  ]);
  await gateway.bind(own, gateway.user('ann'));
  await gateway.bind(team, gateway.groupOf('ann'));
  await eventually('the API server knows', async () => (await gateway.names('ann')).length === 2);
  const path = '/api/v1/namespaces';
  const cases: readonly (readonly [query: string, accept: string, names: readonly string[]])[] = [
    ['', '', [own, team]],
    ['', '*/*', [own, team]],
    ['', partial, [own, team]],
    ['', table, [own, team]],
    ['?includeObject=Object', table, [own, team]],
    ['?includeObject=None', table, [own, team]],
    ['', `${protobuf},application/json`, [own, team]],
    ['', `application/cbor,${table},application/json`, [own, team]],
    ['?pretty=true', '', [own, team]],
    ['?labelSelector=stage%3Dtest', '', [own]],
    [`?fieldSelector=metadata.name%3D${team}`, table, [team]],
    [`?fieldSelector=metadata.name%3D${hidden}`, '', []],
    ['?limit=1', '', [own, team]],
    ['?resourceVersion=0', '', [own, team]],
  ];
  for (const [query, accept, names] of cases) {
    const headers = accept === '' ? {} : { accept };
    const answer = await gateway.ask('ann', path + query, headers);
    const where = `${query} ${accept} ${answer.text}`;
    assert.equal(answer.status, 200, where);
    assert.doesNotMatch(JSON.stringify(answer), new RegExp(`secret|${hidden}`), where);
    assert.doesNotMatch(answer.text, /remainingItemCount|"continue":"[^"]/);
    // The rest is what the API server gives to the gateway, byte for byte but for what is taken out.
    const type = accept.replace(/^.*?(?=application\/json|\*)/, '');
    const whole = await gateway.asAdmin(path + query.replace('limit=1', ''), type);
    assert.deepEqual(rowsOf(answer.text).sort(), [...names].sort(), where);
    assert.deepEqual(withoutRows(answer.text), withoutRows(whole), where);
    for (const row of rowTexts(answer.text)) assert.ok(rowTexts(whole).includes(row), where);
  }
  assert.deepEqual(await gateway.names('eve'), []);
  for (const [query, accept, status] of [
    ['', protobuf, 406],
    ['', 'text/plain', 406],
    ['?limit=1&continue=abc', 'application/json', 410],
    ['?labelSelector=%3D', 'application/json', 400],
  ] as const) {
    const answer = await gateway.ask('ann', path + query, { accept });
    assert.equal(answer.status, status, answer.text);
    assert.equal((JSON.parse(answer.text) as { kind: string }).kind, 'Status');
    assert.doesNotMatch(answer.text, new RegExp(`${id}|gateway`));
  }
  const other = await gateway.ask('ann', '/api/v1/pods');
  assert.equal(other.status, 403);
  const byName = await gateway.ask('ann', `${path}/${hidden}`);
  assert.equal(byName.status, 403);
  const metrics = (await gateway.ask('ann', '/-/metrics')).text;
  const reviewed = (result: string) =>
    Number(new RegExp(`namespace_reviews_total\\{result="${result}"\\} (\\d+)`).exec(metrics)?.[1]);
  assert.ok(reviewed('allowed') >= 2 && reviewed('refused') >= 2 && reviewed('remembered') > 0, metrics);
});

interface Rows {
  readonly items?: readonly { readonly metadata: { readonly name: string } }[] | null;
  readonly rows?: readonly { readonly cells: readonly [string] }[];
}

function rowsOf(text: string): string[] {
  const { items, rows } = JSON.parse(text) as Rows;
  return rows?.map(({ cells }) => cells[0]) ?? (items ?? []).map(({ metadata }) => metadata.name);
}

function rowTexts(text: string): string[] {
  const { items, rows } = JSON.parse(text) as Rows;
  // The third cell is the age.
  return (rows ?? items ?? []).map(row =>
    JSON.stringify('cells' in row ? { ...row, cells: row.cells.slice(0, 2) } : row),
  );
}

/** The list without its rows and its version, which others change. */
function withoutRows(text: string): object {
  const { items, rows, metadata, ...rest } = JSON.parse(text) as Rows & { metadata: object };
  return { ...rest, metadata: { ...metadata, resourceVersion: '' } };
}
