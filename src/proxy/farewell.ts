import { PbfWriter } from 'pbf';
import { fieldValue, type RawHeaders } from '../http/header-fields.js';
import type { RequestInfo } from '../kubernetes/request-info.js';
import type { Status, StatusError } from '../kubernetes/status.js';
import { closeFrame, frame, normalClosure, opcodes, policyViolation } from './relay/websocket-frames.js';

/** The formats of the events of a watch. */
export type EventFormat = 'json' | 'protobuf';

/** An ERROR event with this Status, without what frames it (apimachinery `meta/v1.WatchEvent`). JSON has a line feed, as the API server's. */
function errorEvent(status: Status, format: EventFormat): Buffer {
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

/** An upgraded connection: the protocol that it was switched to, the fields of the 101, and what the request was about. */
interface Upgraded {
  readonly protocol: string;
  readonly headers: RawHeaders;
  readonly info: Pick<RequestInfo, 'subresource'>;
}

/** The channel of errors of a remote command (k8s.io/apimachinery `remotecommand`). */
const errorChannel = 3;
/**
 * The stream of errors of a remote command over SPDY: client-go opens it first (`remotecommand` v2), and the first stream of a client has
 * this number. A client without it ignores a frame for it.
 */
const errorStream = 1;
const finFlag = 1;

export function isWebSocket(protocol: string): boolean {
  return /^websocket$/i.test(protocol);
}

export function isSpdy(protocol: string): boolean {
  return /^spdy\/3\.1$/i.test(protocol);
}

/**
 * What an upgraded connection tells its client, between two frames, before the proxy ends it: a remote command (exec, attach) gets a Status,
 * as if its command had failed, and a WebSocket a close frame. Empty for a protocol that has no such words.
 */
export function farewell({ protocol, headers, info: { subresource } }: Upgraded, error: StatusError): Buffer {
  const isCommand = subresource === 'exec' || subresource === 'attach';
  if (isWebSocket(protocol)) {
    const status = isCommand
      ? channelStatus(fieldValue(headers, 'sec-websocket-protocol'), error)
      : undefined;
    return status === undefined
      ? closeFrame(policyViolation, error.message)
      : Buffer.concat([status, closeFrame(normalClosure, '')]);
  }
  if (!isCommand || !isSpdy(protocol)) return Buffer.alloc(0);
  return spdyStatus(fieldValue(headers, 'x-stream-protocol-version'), error);
}

/**
 * What a watch over a WebSocket tells its client before the proxy ends it: an ERROR event, as text in JSON and binary in protobuf. In another
 * format, which is binary too, there is only a close frame.
 *
 * @param isBinary Whether its events are; undefined before the first one, when the client's Accept has to say it.
 */
export function lastEvent(error: StatusError, isBinary: boolean | undefined, accept: string): Buffer {
  const prefersBinary = /^\s*application\/(?:vnd\.kubernetes\.protobuf|cbor)/i.test(accept);
  if (!(isBinary ?? prefersBinary)) return eventMessage(opcodes.text, errorEvent(error.toStatus(), 'json'));
  if (/cbor/i.test(accept)) return closeFrame(policyViolation, error.message);
  return eventMessage(opcodes.binary, errorEvent(error.toStatus(), 'protobuf'));
}

function eventMessage(opcode: number, event: Buffer): Buffer {
  return Buffer.concat([frame(opcode, event), closeFrame(normalClosure, '')]);
}

/** A message on the channel of errors; undefined for a subprotocol in which that has no Status. */
function channelStatus(subprotocol: string | undefined, error: StatusError): Buffer | undefined {
  const status = JSON.stringify(error.toStatus());
  switch (subprotocol) {
    case 'v4.channel.k8s.io':
    case 'v5.channel.k8s.io':
      return frame(opcodes.binary, Buffer.concat([Buffer.from([errorChannel]), Buffer.from(status)]));
    case 'v4.base64.channel.k8s.io':
      return frame(opcodes.text, Buffer.from(`${errorChannel}${Buffer.from(status).toString('base64')}`));
    default:
      return undefined;
  }
}

/** The last frame of the stream of errors. Before version 4 it has text. */
function spdyStatus(version: string | undefined, error: StatusError): Buffer {
  const hasStatus = version === 'v4.channel.k8s.io' || version === 'v5.channel.k8s.io';
  const payload = Buffer.from(hasStatus ? JSON.stringify(error.toStatus()) : error.message);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(errorStream, 0);
  head.writeUInt32BE(payload.length, 4);
  head[4] = finFlag;
  return Buffer.concat([head, payload]);
}
