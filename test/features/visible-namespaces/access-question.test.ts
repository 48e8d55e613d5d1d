import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PbfWriter } from 'pbf';
import { askedVerb, permitted } from '../../../src/features/visible-namespaces/access-question.js';

const json = 'application/json';
const protobuf = 'application/vnd.kubernetes.protobuf';
const fieldNumbers = { namespace: 1, verb: 2, group: 3, version: 4, resource: 5, subresource: 6, name: 7 };

/** A message of texts, booleans and other messages, by the numbers of their fields. */
function message(
  fields: readonly (readonly [field: number, value: string | boolean | Uint8Array])[],
): Uint8Array {
  const pbf = new PbfWriter();
  for (const [field, value] of fields)
    if (typeof value === 'string') pbf.writeStringField(field, value);
    else if (typeof value === 'boolean') pbf.writeBooleanField(field, value);
    else pbf.writeBytesField(field, value);
  return pbf.finish();
}

function inProtobuf(...review: Parameters<typeof message>[0][number][]): Buffer {
  const type = message([
    [1, 'authorization.k8s.io/v1'],
    [2, 'SelfSubjectAccessReview'],
  ]);
  const unknown = [
    [1, type],
    [3, ''],
    [4, ''],
    [2, message(review)],
  ] as const;
  return Buffer.concat([Buffer.from('k8s\0'), message(unknown)]);
}

type Attributes = Readonly<Record<string, string>>;

function asProtobuf(attributes: Attributes): Buffer {
  const fields = Object.entries(attributes).map(
    ([name, value]) => [fieldNumbers[name as keyof typeof fieldNumbers], value] as const,
  );
  return inProtobuf([1, message([])], [2, message([[1, message(fields)]])]);
}

const asJson = (attributes: Attributes) =>
  Buffer.from(JSON.stringify({ kind: 'SelfSubjectAccessReview', spec: { resourceAttributes: attributes } }));

describe('a review of the own rights', () => {
  it('is about all namespaces if it asks to list or watch them, in JSON and in protobuf', () => {
    const list = { verb: 'list', resource: 'namespaces' };
    for (const [attributes, verb] of [
      [list, 'list'],
      [{ ...list, verb: 'watch' }, 'watch'],
      [{ ...list, namespace: 'default', group: '', version: 'v1' }, 'list'],
      [{ ...list, version: '*' }, 'list'],
      [{ ...list, verb: 'get' }, undefined],
      [{ ...list, verb: '*' }, undefined],
      [{ ...list, group: 'apps' }, undefined],
      [{ ...list, group: '*' }, undefined],
      [{ ...list, version: 'v2' }, undefined],
      [{ ...list, resource: 'pods' }, undefined],
      [{ ...list, subresource: 'status' }, undefined],
      [{ ...list, name: 'default' }, undefined],
      [{}, undefined],
    ] as const) {
      assert.equal(askedVerb('application/json; charset=utf-8', asJson(attributes)), verb);
      assert.equal(askedVerb(protobuf, asProtobuf(attributes)), verb, JSON.stringify(attributes));
      assert.equal(askedVerb('application/cbor', asJson(attributes)), undefined);
    }
    for (const text of [
      ...['', '{', 'null', '{"spec":null}', '{"spec":{"nonResourceAttributes":{}}}', 'k8s\0\xff\xff'],
    ])
      for (const type of [json, protobuf])
        assert.equal(askedVerb(type, Buffer.from(text, 'latin1')), undefined);
  });

  it('gets a yes in place of a no that no authorizer insists on', () => {
    const text = (status: string) => `{"kind":"X","spec":{"a":1e400},"status":${status}}\n`;
    for (const status of ['{"allowed":false}', '{"allowed":false,"reason":"no"}', '{}']) {
      const changed = permitted(json, Buffer.from(text(status)), 'because');
      assert.equal(changed?.toString(), text('{"allowed":true,"reason":"because"}'));
    }
    const indented = permitted(json, Buffer.from(`\n ${text('{}')}`), 'because');
    assert.equal(indented?.toString(), `\n ${text('{"allowed":true,"reason":"because"}')}`);
    for (const status of ['{"allowed":true}', '{"allowed":false,"denied":true}', 'null'])
      assert.equal(permitted(json, Buffer.from(text(status)), 'because'), undefined, status);
    assert.equal(permitted('application/yaml', Buffer.from(text('{}')), 'because'), undefined);

    const spec = message([[1, message([[2, 'list']])]]);
    const review = (...status: Parameters<typeof message>[0][number][]) =>
      inProtobuf([1, message([[5, 'x']])], [2, spec], [3, message(status)]);
    for (const no of [
      review([1, false]),
      review([1, false], [2, 'no']),
      inProtobuf([1, message([[5, 'x']])], [2, spec]),
    ])
      assert.deepEqual(permitted(protobuf, no, 'because'), review([1, true], [2, 'because']));
    for (const other of [review([1, true]), review([1, false], [4, true]), Buffer.from('{}')])
      assert.equal(permitted(protobuf, other, 'because'), undefined);
  });
});
