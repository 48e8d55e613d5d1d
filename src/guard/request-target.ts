import type { RequestTarget } from '../request/request-target.js';
import { type Check, everyMount, type Guard } from './guard.js';
import { Rejection } from './rejection.js';

/** A target has only one reading. */
export const requestTarget = {
  name: 'request target',
  options: {},
  reasons: ['bad_request'],
  judges: everyMount,
  create: (): Check => request => rejectAmbiguousTarget(request.sent),
} as const satisfies Guard;

/** Rejects a target with more than one reading: a rule could judge another request than the one that is carried out. */
export function rejectAmbiguousTarget({ ambiguity }: RequestTarget): void {
  if (ambiguity !== undefined) {
    throw new Rejection(400, 'bad_request', `${ambiguity}; the request has more than one reading`);
  }
}
