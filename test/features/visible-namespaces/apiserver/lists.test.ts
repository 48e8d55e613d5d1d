import assert from 'node:assert/strict';
import { eventually } from '../../../support/eventually.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { FilteringGateway } from '../../../support/kube-apiserver/filtering-gateway.js';

const path = '/api/v1/namespaces';
const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const partial = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
const protobuf = 'application/vnd.kubernetes.protobuf';

/** What differs between two answers of the API server: versions, ages, and tokens, which have a version. */
const variable = /"resourceVersion":"\d+"|"\d+s"|"continue":"[^"]+"/g;

test('a list has the namespaces that its user may get, in each format, as the API server gives it', async (t, server) => {
  const gateway = await FilteringGateway.start(t, server, { users: ['ann', 'bob', 'eve'] });
  const own = await gateway.namespace('own', { stage: 'test' });
  const team = await gateway.namespace('team');
  const hidden = await gateway.namespace('secret', { stage: 'test' });
  await gateway.bind(own, gateway.user('ann'));
  await gateway.bind(team, gateway.groupOf('ann'));
  await eventually('the API server knows', async () => (await gateway.names('ann')).length === 2);
  const both = `labelSelector=kubernetes.io/metadata.name+in+(${own},${team})`;
  const cases: readonly (readonly [
    query: string,
    accept: string,
    asGateway: string,
    names: readonly string[],
  ])[] = [
    ...['', '*/*', partial, table, protobuf, `${protobuf},application/json`, `application/cbor,${table}`].map(
      accept => ['', accept, both, [own, team]] as const,
    ),
    ['?', '', both, [own, team]],
    ['?includeObject=None', table, `${both}&includeObject=None`, [own, team]],
    ['?pretty=true', '', `${both}&pretty=true`, [own, team]],
    ['?labelSelector=stage%3Dtest', protobuf, `${both},stage%3Dtest`, [own]],
    ['?labelSelector=%20', '', both, [own, team]],
    ['?a=b;c&labelSelector', '', both, [own, team]],
    // The first one counts, however it is spelled.
    ['?label%53elector=stage!%3Dtest&labelSelector=stage', '', `${both},stage!=test`, [team]],
    ['?x=%zz&labelSelector=!stage', '', `${both},!stage`, [team]],
    [
      `?fieldSelector=metadata.name%3D${team}`,
      table,
      `${both}&fieldSelector=metadata.name%3D${team}`,
      [team],
    ],
    [`?fieldSelector=metadata.name%3D${hidden}`, '', `${both}&fieldSelector=metadata.name%3D${hidden}`, []],
    [
      `?labelSelector=kubernetes.io/metadata.name%3D${hidden}`,
      '',
      `${both},kubernetes.io/metadata.name=x`,
      [],
    ],
    ['?limit=1', '', `${both}&limit=1`, [own]],
    ['?limit=1&resourceVersion=0', '', `${both}&limit=1`, [own]],
    ['?resourceVersion=0', protobuf, both, [own, team]],
    ['?resourceVersion=1&resourceVersionMatch=NotOlderThan', '', both, [own, team]],
  ];
  for (const [query, accept, asGateway, names] of cases) {
    const headers = accept === '' ? {} : { accept };
    const { status, body } = await gateway.ask('ann', path + query, headers);
    const text = body.toString('latin1');
    const where = `${query} ${accept} ${text}`;
    assert.equal(status, 200, where);
    assert.doesNotMatch(text, /secret/, where);
    for (const name of [own, team]) assert.equal(text.includes(name), names.includes(name), where);
    const direct = (await gateway.asAdmin(`${path}?${asGateway}`, accept)).toString('latin1');
    // In protobuf the version of the list stands in front of the first object.
    const compared = accept.startsWith(protobuf)
      ? (list: string) => list.slice(list.indexOf(names[0] as string))
      : (list: string) => list.replace(variable, '');
    assert.equal(compared(text), compared(direct), where);
  }

  const pages: string[] = [];
  for (let next = ''; ; ) {
    const { text } = await gateway.ask('ann', `${path}?limit=1${next}`);
    const { items, metadata } = JSON.parse(text) as {
      items: { metadata: { name: string } }[];
      metadata: { continue?: string };
    };
    pages.push(...items.map(item => item.metadata.name));
    if (metadata.continue === undefined) break;
    next = `&continue=${metadata.continue}`;
  }
  assert.deepEqual(pages, [own, team]);

  assert.deepEqual(await gateway.names('eve'), []);
  for (const [query, accept, status] of [
    ['', 'text/plain', 406],
    ['?limit=1&continue=abc', 'application/json', 410],
    ['?labelSelector=%3D', 'application/json', 400],
    // Nothing widens what stands before it.
    [`?labelSelector=)`, 'application/json', 400],
    ['?resourceVersion=x', 'application/json', 400],
    ['?resourceVersion=0&resourceVersionMatch=Exact', 'application/json', 422],
    [`?x${'&x'.repeat(9_999)}`, 'application/json', 400],
  ] as const) {
    const answer = await gateway.ask('ann', path + query, { accept });
    assert.equal(answer.status, status, answer.text);
    assert.equal((JSON.parse(answer.text) as { kind: string }).kind, 'Status');
    assert.doesNotMatch(answer.text, /secret|gateway/);
  }
  assert.equal((await gateway.ask('ann', '/api/v1/pods')).status, 403);
  assert.equal((await gateway.ask('ann', `${path}/${hidden}`)).status, 403);
});
