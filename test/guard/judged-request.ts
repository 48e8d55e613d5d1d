import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Cluster } from '../../src/clusters/cluster.js';
import { RejectedPages } from '../../src/guard/rejected-pages.js';
import { Rejection } from '../../src/guard/rejection.js';
import { RequestHead } from '../../src/http/request-head.js';
import { parseRequestInfo, type RequestInfo } from '../../src/kubernetes/request-info.js';
import { type OpenRequest, RequestContext } from '../../src/request/context.js';
import type { Mount } from '../../src/request/mount.js';
import type { RequestRecord } from '../../src/request/record.js';
import { parseRequestTarget } from '../../src/request/request-path.js';
import { ManualClock } from '../support/manual-clock.js';

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

/** What guards reject pages with; it logs nothing. */
export function rejectedPages(): RejectedPages {
  return new RejectedPages(new ManualClock(0), { warn() {} });
}

/** A mount of the API server's paths. */
export const apiMount: Mount = {
  ...{ route: '/', access: 'caller', isApi: true, isCounted: true },
  ...{ namesContext: false, relocates: false, appendsServerPath: false },
};

/** What a request is besides its first line and its header fields. */
export interface RequestParts {
  readonly mount?: Partial<Mount>;
  readonly impersonation?: object;
  readonly serverPath?: string;
  readonly httpVersion?: string;
  readonly cluster?: object;
}

/** A request as the server creates it, with one Host field unless its fields have one. `answered` says what a guard answers itself. */
export function requestOf(
  line: string,
  headers: Readonly<Record<string, string>> = {},
  { mount, impersonation, serverPath = '', httpVersion = '1.1', cluster }: RequestParts = {},
) {
  const [method, target = ''] = line.split(' ');
  const raw = {
    ...{ method, httpVersion, socket: {}, upgrade: 'upgrade' in headers },
    rawHeaders: Object.entries({ host: 'localhost', ...headers }).flat(),
  };
  const answers: number[] = [];
  const reply = {
    request: { originalUrl: target },
    code(code: number) {
      answers.push(code);
      return reply;
    },
    send: () => reply,
  };
  const annotations: Record<string, string> = {};
  const record = {
    annotate(name: string, value: string) {
      annotations[name] = value;
    },
  };
  const endpoint = { config: { server: { path: serverPath }, impersonation } };
  const request = new RequestContext(raw as unknown as IncomingMessage, reply as unknown as FastifyReply, {
    ...{ mount: { ...apiMount, ...mount }, target, prefix: '' },
    cluster: (cluster ?? { endpoint }) as Cluster,
  });
  request.record = record as unknown as RequestRecord;
  return Object.assign(request as OpenRequest, { answers, annotations });
}
