import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEventReader } from '../../../src/features/shared-watches/event-reader.js';
import { JsonEventReader } from '../../../src/features/shared-watches/json-events.js';
import { ProtobufEventReader } from '../../../src/features/shared-watches/protobuf-events.js';

describe('the reader for a watch response', () => {
  const protobuf = 'application/vnd.kubernetes.protobuf';
  it('is that of the Content-Type, if it is known', () => {
    const json = ['application/json', 'application/json;stream=watch', 'application/json; charset=UTF-8'];
    const others = `json application/json;stream=other application/json;x=y application/json;charset=utf-16
      application/json-seq application/jsonl application/yaml application/cbor-seq text/plain;application/json
      text/plain;stream=watch ${protobuf} ${protobuf};stream=other`.split(/\s+/);
    for (const [reader, contentTypes] of [
      [JsonEventReader, [...json, 'Application/JSON ; Stream="watch"']],
      [ProtobufEventReader, [`${protobuf};stream=watch`, `${protobuf}; STREAM=watch`]],
      [undefined, ['', ...others]],
    ] as const)
      for (const contentType of contentTypes) {
        const found = createEventReader(['Date', 'x', 'content-TYPE', contentType])?.constructor;
        assert.equal(found, reader, contentType);
      }
  });

  it('does not exist without a Content-Type, or with two', () => {
    assert.equal(createEventReader(['Date', 'x']), undefined);
    const type = ['Content-Type', 'application/json'];
    assert.equal(createEventReader([...type, ...type]), undefined);
  });

  it('does not exist for a compressed response', () => {
    const encoded = (...fields: string[]) =>
      createEventReader(['Content-Type', 'application/json', ...fields]);
    assert.equal(encoded('Content-Encoding', 'gzip'), undefined);
    assert.equal(encoded('content-encoding', 'identity', 'content-encoding', 'gzip'), undefined);
    assert.ok(encoded('Content-Encoding', 'Identity'));
  });
});
