import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Rejection } from '../../src/guard/rejection.js';
import { parseRequestInfo, type RequestInfo } from '../../src/kubernetes/request-info.js';
import { parseRequestTarget } from '../../src/request/request-target.js';

/** The RequestInfo of a request's first line, `METHOD target`, as the server creates it. */
export function infoOf(line: string): RequestInfo {
  const [method = '', raw = ''] = line.split(' ');
  const target = parseRequestTarget(raw);
  assert.equal(target.ambiguity, undefined, line);
  return parseRequestInfo(method, target.path, target.query);
}

/** The parts of a request that guards read, with header names in lower case. An Upgrade header makes it an upgrade. */
export function requestOf(line: string, headers: Readonly<Record<string, string>> = {}): IncomingMessage {
  const [method] = line.split(' ');
  const rawHeaders = Object.entries(headers).flat();
  return { method, rawHeaders, upgrade: 'upgrade' in headers, socket: {} } as unknown as IncomingMessage;
}

/** The rejection that `judge` throws; undefined if it accepts the request. */
export function rejectionOf(judge: () => void): Rejection | undefined {
  try {
    judge();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Rejection, String(error));
    assert.equal(error.code, 403);
    assert.equal(error.toStatus().reason, 'Forbidden');
    return error;
  }
}
