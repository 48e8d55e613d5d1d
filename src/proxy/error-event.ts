import { PbfWriter } from 'pbf';
import type { Status } from '../kubernetes/status.js';

/** The formats of the events of a watch. */
export type EventFormat = 'json' | 'protobuf';

/** An ERROR event with this Status, without what frames it (apimachinery `meta/v1.WatchEvent`). JSON has a line feed, as the API server's. */
export function errorEvent(status: Status, format: EventFormat): Buffer {
  if (format === 'json') return Buffer.from(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
  // A runtime.Unknown in a runtime.RawExtension. The field numbers are those of apimachinery's generated.proto files.
  const unknown = message(pbf => {
    pbf.writeBytesField(
      1,
      message(type => {
        type.writeStringField(1, status.apiVersion);
        type.writeStringField(2, status.kind);
      }),
    );
    pbf.writeBytesField(2, statusMessage(status));
    pbf.writeStringField(3, '');
    pbf.writeStringField(4, '');
  });
  const object = message(pbf => pbf.writeBytesField(1, Buffer.concat([Buffer.from('k8s\0'), unknown])));
  return Buffer.from(
    message(pbf => {
      pbf.writeStringField(1, 'ERROR');
      pbf.writeBytesField(2, object);
    }),
  );
}

function statusMessage({ status, message: text, reason, code }: Status): Uint8Array {
  return message(pbf => {
    pbf.writeBytesField(1, new Uint8Array());
    pbf.writeStringField(2, status);
    pbf.writeStringField(3, text);
    pbf.writeStringField(4, reason);
    pbf.writeVarintField(6, code);
  });
}

function message(write: (pbf: PbfWriter) => void): Uint8Array {
  const pbf = new PbfWriter();
  write(pbf);
  return pbf.finish();
}

/** The event as a part of a plain answer: a line, or a length of four bytes and the message. */
export function framedErrorEvent(status: Status, format: EventFormat): Buffer {
  const event = errorEvent(status, format);
  if (format === 'json') return event;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}
