import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEventReader } from '../../../src/features/shared-watches/event-reader.js';
import { JsonEventReader } from '../../../src/features/shared-watches/json-events.js';
import { ProtobufEventReader } from '../../../src/features/shared-watches/protobuf-events.js';

describe('the reader for a watch response', () => {
  const rows: readonly (readonly [contentType: string, reader: unknown])[] = [
    ['application/json', JsonEventReader],
    ['application/json;stream=watch', JsonEventReader],
    ['Application/JSON ; Stream="watch"', JsonEventReader],
    ['application/json; charset=UTF-8', JsonEventReader],
    ['application/vnd.kubernetes.protobuf;stream=watch', ProtobufEventReader],
    ['application/vnd.kubernetes.protobuf; STREAM=watch', ProtobufEventReader],
    ['application/vnd.kubernetes.protobuf', undefined],
    ['application/vnd.kubernetes.protobuf;stream=other', undefined],
    ['application/json;stream=other', undefined],
    ['application/json;charset=utf-16', undefined],
    ['application/json;x=y', undefined],
    ['application/json-seq', undefined],
    ['application/jsonl', undefined],
    ['application/cbor-seq', undefined],
    ['application/yaml', undefined],
    ['text/plain;application/json', undefined],
    ['json', undefined],
    ['', undefined],
  ];
  for (const [contentType, reader] of rows) {
    it(`for "${contentType}" is ${(reader as { name: string } | undefined)?.name}`, () => {
      assert.equal(createEventReader(['Date', 'x', 'content-TYPE', contentType])?.constructor, reader);
    });
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
