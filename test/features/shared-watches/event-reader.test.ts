import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEventReader } from '../../../src/features/shared-watches/event-reader.js';
import { JsonEventReader } from '../../../src/features/shared-watches/json-events.js';
import { ProtobufEventReader } from '../../../src/features/shared-watches/protobuf-events.js';

describe('the reader for a watch response', () => {
  const protobuf = 'application/vnd.kubernetes.protobuf';
  for (const [reader, contentTypes] of [
    [
      JsonEventReader,
      [
        ...['application/json', 'application/json;stream=watch', 'Application/JSON ; Stream="watch"'],
        'application/json; charset=UTF-8',
      ],
    ],
    [ProtobufEventReader, [`${protobuf};stream=watch`, `${protobuf}; STREAM=watch`]],
    [
      undefined,
      [
        ...[protobuf, `${protobuf};stream=other`, 'application/json;stream=other', 'application/json;x=y'],
        ...[
          'application/json;charset=utf-16',
          'application/json-seq',
          'application/jsonl',
          'application/yaml',
        ],
        ...['application/cbor-seq', 'text/plain;application/json', 'text/plain;stream=watch', 'json', ''],
      ],
    ],
  ] as const) {
    for (const contentType of contentTypes) {
      it(`for "${contentType}" is ${reader?.name}`, () => {
        assert.equal(createEventReader(['Date', 'x', 'content-TYPE', contentType])?.constructor, reader);
      });
    }
  }

  it('does not exist without a Content-Type, or with two', () => {
    assert.equal(createEventReader(['Date', 'x']), undefined);
    const type = ['Content-Type', 'application/json'];
    assert.equal(createEventReader([...type, ...type]), undefined);
  });

  it('does not exist for a compressed response', () => {
    const type = ['Content-Type', 'application/json'];
    assert.equal(createEventReader([...type, 'Content-Encoding', 'gzip']), undefined);
    assert.equal(
      createEventReader([...type, 'content-encoding', 'identity', 'content-encoding', 'gzip']),
      undefined,
    );
    assert.ok(createEventReader([...type, 'Content-Encoding', 'Identity']));
  });
});
