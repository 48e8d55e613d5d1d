import type { Socket } from 'node:net';
import { maxFields } from '../http/header-fields.js';
import { isHttp2 } from '../http/http2-answer.js';
import type { RequestHead } from '../http/request-head.js';
import type { RequestContext } from '../request/context.js';
import type { RequestTarget } from '../request/request-path.js';
import { type Check, everyMount, type Guard } from './guard.js';
import { Rejection } from './rejection.js';

/** Connections on which the end of a request is not certain: what follows may be a part of it. */
const condemned = new WeakSet<Socket>();

/** A message has a certain end, one target and one host: two programs read it alike. */
export const message = {
  name: 'message',
  stage: 'message',
  options: {},
  reasons: ['bad_request'],
  judges: everyMount,
  create: (): Check => request => {
    rejectUncertainFraming(request);
    rejectAmbiguousTarget(request.path.received);
    rejectUncertainHost(request.head, request.raw.httpVersion);
    rejectTooLong(request.head);
  },
} as const satisfies Guard;

/**
 * Rejects a request whose end two programs could see in different places, and everything that follows it on its connection:
 * - a version other than HTTP/1.0 and HTTP/1.1, which Node's parser accepts. It also accepts a request line without a version: what the
 * client meant as the version may then be a part of the target;
 * - a transfer coding other than chunked alone, or any in HTTP/1.0 (RFC 9112, section 6.1);
 * - an upgrade that announces a body: its bytes could be the body, the new protocol, or the next request.
 */
export function rejectUncertainFraming({ raw, head }: Pick<RequestContext, 'raw' | 'head'>): void {
  const { socket, httpVersion } = raw;
  if (condemned.has(socket))
    throw rejection('the request before this one on its connection had no certain end');
  // Node's own limit is the same. Before 22.23.3 and 24.21.0 it lets 23 more fields through, which are not in its `headers`, and drops all
  // that follow without an error, `Content-Length` too.
  if (head.rawHeaders.length > 2 * maxFields) {
    throw condemn(socket, `the request has more than ${maxFields} header fields`, 431);
  }
  if (httpVersion !== '1.1' && httpVersion !== '1.0' && !isHttp2(raw)) {
    throw condemn(socket, `HTTP/${httpVersion} is not supported; send HTTP/1.1`);
  }
  const coding = head.transferEncoding;
  if (coding !== undefined) {
    if (httpVersion === '1.0') throw condemn(socket, 'an HTTP/1.0 request cannot have a Transfer-Encoding');
    if (coding.toLowerCase() !== 'chunked') {
      throw condemn(socket, 'no Transfer-Encoding but chunked is supported');
    }
  }
  if (head.isUpgrade && head.hasBody) {
    throw condemn(socket, 'a request with an Upgrade header cannot have a body; send it without Upgrade');
  }
}

/** Rejects a target with more than one reading: a rule could judge another request than the one that is carried out. */
export function rejectAmbiguousTarget({ ambiguity }: RequestTarget): void {
  if (ambiguity !== undefined) {
    throw new Rejection(400, 'bad_request', `${ambiguity}; the request has more than one reading`);
  }
}

/**
 * Rejects more than one Host header, with HTTP/2's `:authority` counted as one. Also rejects none, except in HTTP/1.0 (RFC 9112, section
 * 3.2).
 */
export function rejectUncertainHost({ hosts }: RequestHead, httpVersion: string): void {
  if (hosts > 1) {
    const what = httpVersion === '2.0' ? ':authority and Host that differ' : 'more than one Host header';
    throw new Rejection(400, 'bad_request', `the request has ${what}`);
  }
  if (hosts === 0 && httpVersion !== '1.0') {
    throw new Rejection(400, 'bad_request', 'the request has no Host header');
  }
}

/** Rejects a field whose lines are too long together: the rules would read only some of them. */
export function rejectTooLong({ tooLong }: RequestHead): void {
  if (tooLong !== undefined)
    throw new Rejection(431, 'bad_request', `the lines of ${tooLong} are too long together`);
}

function condemn(socket: Socket, message: string, code = 400): Rejection {
  condemned.add(socket);
  return rejection(message, code);
}

function rejection(message: string, code = 400): Rejection {
  return new Rejection(code, 'bad_request', message, { endsConnection: true });
}
