import assert from 'node:assert/strict';
import { Rejection } from '../../src/guard/rejection.js';
import { RequestHead } from '../../src/http/request-head.js';
import { parseRequestInfo, type RequestInfo } from '../../src/kubernetes/request-info.js';
import { parseRequestTarget } from '../../src/request/request-path.js';

/** The RequestInfo of a request's first line, `METHOD target`, as the server creates it. */
export function infoOf(line: string): RequestInfo {
  const [method = '', raw = ''] = line.split(' ');
  const target = parseRequestTarget(raw);
  assert.equal(target.ambiguity, undefined, line);
  return parseRequestInfo(method, target.path, target.query);
}

/** The head of a request, with header names in lower case. An Upgrade header makes it an upgrade. */
export function headOf(line: string, headers: Readonly<Record<string, string>> = {}): RequestHead {
  const [method = ''] = line.split(' ');
  return new RequestHead({
    method,
    rawHeaders: Object.entries(headers).flat(),
    upgrade: 'upgrade' in headers,
  });
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
