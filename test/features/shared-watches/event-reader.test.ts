import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventFormatOf } from '../../../src/features/shared-watches/event-reader.js';
import { json } from '../../../src/features/shared-watches/json-event.js';
import { protobuf } from '../../../src/features/shared-watches/protobuf-event.js';

describe('the format of a watch response', () => {
  const ofProtobuf = 'application/vnd.kubernetes.protobuf';
  it('is that of the Content-Type, if it is known', () => {
    const inJson = ['application/json', 'application/json;stream=watch', 'application/json; charset=UTF-8'];
    const others = `json application/json;stream=other application/json;x=y application/json;charset=utf-16
      application/json-seq application/jsonl application/yaml application/cbor-seq text/plain;application/json
      text/plain;stream=watch ${ofProtobuf} ${ofProtobuf};stream=other`.split(/\s+/);
    for (const [format, contentTypes] of [
      [json, [...inJson, 'Application/JSON ; Stream="watch"']],
      [protobuf, [`${ofProtobuf};stream=watch`, `${ofProtobuf}; STREAM=watch`]],
      [undefined, ['', ...others]],
    ] as const)
      for (const contentType of contentTypes) {
        const found = eventFormatOf(['Date', 'x', 'content-TYPE', contentType]);
        assert.equal(found, format, contentType);
      }
  });

  it('does not exist without a Content-Type, or with two', () => {
    assert.equal(eventFormatOf(['Date', 'x']), undefined);
    const type = ['Content-Type', 'application/json'];
    assert.equal(eventFormatOf([...type, ...type]), undefined);
  });

  it('does not exist with a Content-Length: the end of a watch is not known before', () => {
    assert.equal(eventFormatOf(['Content-Type', 'application/json', 'Content-Length', '100']), undefined);
  });

  it('does not exist for a compressed response', () => {
    const encoded = (...fields: string[]) => eventFormatOf(['Content-Type', 'application/json', ...fields]);
    assert.equal(encoded('Content-Encoding', 'gzip'), undefined);
    assert.equal(encoded('content-encoding', 'identity', 'content-encoding', 'gzip'), undefined);
    assert.ok(encoded('Content-Encoding', 'Identity'));
  });
});
