import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Rejection } from '../../src/guard/rejection.js';
import { parseRequestInfo, type RequestInfo } from '../../src/kubernetes/request-info.js';
import { parseRequestTarget } from '../../src/request/request-target.js';

/** A RequestInfo as the server makes it of a request's first line, `METHOD target`. */
export function infoOf(line: string): RequestInfo {
  const [method = '', raw = ''] = line.split(' ');
  const target = parseRequestTarget(raw);
  assert.equal(target.ambiguity, undefined, line);
  return parseRequestInfo(method, target.path, target.query);
}

/** As much of a request as guards look at; header names in lower case. An Upgrade header makes it an upgrade. */
export function requestOf(line: string, headers: Readonly<Record<string, string>> = {}): IncomingMessage {
  const [method] = line.split(' ');
  const rawHeaders = Object.entries(headers).flat();
  return { method, rawHeaders, upgrade: 'upgrade' in headers, socket: {} } as unknown as IncomingMessage;
}

/** The refusal that `judge` throws, undefined if it lets the request pass. */
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
