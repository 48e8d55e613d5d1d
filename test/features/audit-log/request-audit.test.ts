import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import type { AuditEvent } from '../../../src/features/audit-log/event.js';
import { RequestAudit } from '../../../src/features/audit-log/request-audit.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import { StatusError } from '../../../src/kubernetes/status.js';
import type { UserInfo } from '../../../src/kubernetes/user-info.js';
import { SentRequest } from '../../../src/transport/upstream-request.js';

const groups = ['dev', 'system:authenticated'];
const jane: UserInfo = { username: 'jane', uid: undefined, groups, extra: new Map() };

function create(longRunning: boolean, headers: Record<string, string> = {}) {
  const events: AuditEvent[] = [];
  const request = {
    raw: {
      rawHeaders: Object.entries(headers).flat(),
      socket: { remoteAddress: '192.0.2.1' },
    } as unknown as IncomingMessage,
    path: { received: { raw: '/api/v1/pods?watch=1' } },
    caller: undefined as UserInfo | undefined,
  };
  const audit = new RequestAudit(request, parseRequestInfo('GET', '/api/v1/pods', 'watch=1'), {
    longRunning,
    log: { begin: () => {}, append: event => void events.push(event) },
  });
  return { audit, events, request };
}

describe('the audit of a request', () => {
  it('has three events with the same id if the request is long-running', () => {
    const { audit, events } = create(true);
    audit.received();
    audit.started(200);
    audit.completed(200, undefined);
    assert.deepEqual(
      events.map(({ stage, responseStatus }) => [stage, responseStatus?.code]),
      [
        ['RequestReceived', undefined],
        ['ResponseStarted', 200],
        ['ResponseComplete', 200],
      ],
    );
    const [received, started, complete] = events as [AuditEvent, AuditEvent, AuditEvent];
    assert.deepEqual(new Set(events.map(({ auditID }) => auditID)), new Set([audit.auditId]));
    assert.equal(received.stageTimestamp, received.requestReceivedTimestamp);
    assert.equal(complete.requestReceivedTimestamp, received.requestReceivedTimestamp);
    assert.ok(complete.stageTimestamp >= started.stageTimestamp);
  });

  it('has one event, at the end, if it is not; a long one begins with RequestReceived even if its client has left', () => {
    for (const [isLong, calls, stages] of [
      [false, ['received', 'completed'], ['ResponseComplete']],
      [true, ['completed', 'received'], ['RequestReceived', 'ResponseComplete']],
    ] as const) {
      const { audit, events, request } = create(isLong);
      request.caller = jane;
      for (const call of calls) audit[call](200, undefined);
      assert.deepEqual(
        events.map(({ stage, user }) => [stage, user?.username]),
        stages.map(stage => [stage, 'jane']),
      );
    }
  });

  it('names the impersonated user of the request that was sent, unless that is the caller', () => {
    for (const [caller, headers, expected] of [
      [undefined, [], undefined],
      [undefined, ['Impersonate-User', 'ann'], { username: 'ann', groups: ['system:authenticated'] }],
      [
        jane,
        ['Impersonate-User', 'jane', 'Impersonate-Group', 'dev', 'Impersonate-Group', 'system:authenticated'],
        undefined,
      ],
      [
        jane,
        ['impersonate-user', 'jane', 'impersonate-group', 'admin'],
        { username: 'jane', groups: ['admin', 'system:authenticated'] },
      ],
      [undefined, ['Impersonate-Group', 'admin'], undefined],
    ] as const) {
      const { audit, events, request } = create(false);
      request.caller = caller;
      audit.sentAs(new SentRequest('x', ['Host', 'x', 'Authorization', 'Bearer S3CRET', ...headers]).user);
      audit.completed(200, undefined);
      assert.deepEqual(events[0]?.impersonatedUser, expected, headers.join(' '));
      assert.doesNotMatch(JSON.stringify(events), /S3CRET/);
    }
  });

  it('uses the id of the request, and names the rule that rejected the request', () => {
    const { audit, events } = create(false, { 'audit-id': 'given' });
    audit.annotate('kube-api-proxy/rejected-by', 'path');
    audit.completed(403, new StatusError(403, 'not so'));
    assert.equal(events[0]?.auditID, 'given');
    assert.deepEqual(events[0]?.annotations, { 'kube-api-proxy/rejected-by': 'path' });
    assert.match(JSON.stringify(events[0]?.responseStatus), /"reason":"Forbidden"/);
  });

  it('says that nobody has verified the addresses that a header names', () => {
    for (const [headers, ips, annotations] of [
      [{}, ['192.0.2.1'], undefined],
      [
        { 'x-forwarded-for': '198.51.100.7' },
        ['198.51.100.7', '192.0.2.1'],
        { 'kube-api-proxy/unverified-source-ips': 'true' },
      ],
    ] as const) {
      const { audit, events } = create(false, headers);
      audit.completed(200, undefined);
      assert.deepEqual([events[0]?.sourceIPs, events[0]?.annotations], [ips, annotations]);
    }
  });

  it('has the last 64 addresses that a header names, and says that there were more', () => {
    const { audit, events } = create(false, {
      'x-forwarded-for': '198.51.100.7, '.repeat(9_000).slice(0, -2),
    });
    audit.completed(401, undefined);
    assert.equal(events[0]?.sourceIPs?.length, 65);
    assert.deepEqual(events[0]?.annotations, {
      'kube-api-proxy/unverified-source-ips': 'true',
      'kube-api-proxy/omitted-source-ips': 'true',
    });
  });

  it('contains no secret of a header', () => {
    const { audit, events } = create(false, {
      authorization: 'Bearer S3CRET',
      cookie: 'S3CRET',
      'sec-websocket-protocol': 'base64url.bearer.authorization.k8s.io.S3CRET',
      'proxy-authorization': 'S3CRET',
    });
    audit.completed(200, undefined);
    assert.doesNotMatch(JSON.stringify(events), /S3CRET/);
  });
});
