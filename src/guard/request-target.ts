import type { RequestHead } from '../http/request-head.js';
import type { RequestTarget } from '../request/request-path.js';
import { type Check, everyMount, type Guard } from './guard.js';
import { Rejection } from './rejection.js';

/** A target has only one reading. */
export const requestTarget = {
  name: 'request target',
  options: {},
  reasons: ['bad_request'],
  judges: everyMount,
  create: (): Check => request => rejectAmbiguousTarget(request.path.received),
} as const satisfies Guard;

/** Rejects a target with more than one reading: a rule could judge another request than the one that is carried out. */
export function rejectAmbiguousTarget({ ambiguity }: RequestTarget): void {
  if (ambiguity !== undefined) {
    throw new Rejection(400, 'bad_request', `${ambiguity}; the request has more than one reading`);
  }
}

/** A request names one host. */
export const hostField = {
  name: 'Host field',
  options: {},
  reasons: ['bad_request'],
  judges: everyMount,
  create:
    (): Check =>
    ({ head, raw }) =>
      rejectUncertainHost(head, raw.httpVersion),
} as const satisfies Guard;

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
