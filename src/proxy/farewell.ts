import { fieldValue, type RawHeaders } from '../http/header-fields.js';
import type { RequestInfo } from '../kubernetes/request-info.js';
import type { StatusError } from '../kubernetes/status.js';
import { errorEvent } from './error-event.js';
import { closeFrame, frame, normalClosure, opcodes, policyViolation } from './relay/websocket-frames.js';

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
