import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import {
  type Impersonation,
  impersonatedUser,
  impersonationHeaders,
} from '../../../src/kubernetes/impersonation.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import { StatusError } from '../../../src/kubernetes/status.js';
import type { UserInfo } from '../../../src/kubernetes/user-info.js';
import type { AuditEvent } from '../../../src/observability/audit/event.js';
import { RequestAudit } from '../../../src/observability/audit/request-audit.js';

const jane: UserInfo = { username: 'jane', uid: undefined, groups: ['dev'], extra: new Map() };

function create(longRunning: boolean, headers: Record<string, string> = {}) {
  const events: AuditEvent[] = [];
  const request = {
    raw: {
      rawHeaders: Object.entries(headers).flat(),
      socket: { remoteAddress: '192.0.2.1' },
    } as unknown as IncomingMessage,
    originalUrl: '/api/v1/pods?watch=1',
    caller: undefined as UserInfo | undefined,
  };
  const audit = new RequestAudit(request, parseRequestInfo('GET', '/api/v1/pods', 'watch=1'), {
    longRunning,
    log: { begin: () => {}, append: event => void events.push(event) },
  });
  return { audit, events, request };
}

describe('the audit of a request', () => {
  it('has one event, when it is over, where it is not long-running', () => {
    const { audit, events } = create(false);
    audit.received();
    audit.completed(200, undefined);
    assert.deepEqual(
      events.map(({ stage }) => stage),
      ['ResponseComplete'],
    );
  });

  it('has three events, with one id, where it is long-running', () => {
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
    assert.deepEqual(new Set(events.map(({ auditID }) => auditID)), new Set([audit.id]));
    assert.equal(received.stageTimestamp, received.requestReceivedTimestamp);
    assert.equal(complete.requestReceivedTimestamp, received.requestReceivedTimestamp);
    assert.ok(complete.stageTimestamp >= started.stageTimestamp);
  });

  it('begins with RequestReceived also where the client leaves before anybody was asked who it is', () => {
    const { audit, events } = create(true);
    audit.completed(0, undefined);
    audit.received();
    assert.deepEqual(
      events.map(({ stage }) => stage),
      ['RequestReceived', 'ResponseComplete'],
    );
  });

  it('names who sends it as soon as that is known', () => {
    const { audit, events, request } = create(true);
    request.caller = jane;
    audit.received();
    assert.deepEqual(events[0]?.user, { username: 'jane', groups: ['dev'] });
  });

  it('names whom it acts as, from what goes upstream, unless that is who sends it', () => {
    for (const [caller, headers, expected] of [
      [undefined, [], undefined],
      [undefined, ['Impersonate-User', 'ann'], { username: 'ann' }],
      [jane, ['Impersonate-User', 'jane', 'Impersonate-Group', 'dev'], undefined],
      [
        jane,
        ['impersonate-user', 'jane', 'impersonate-group', 'admin'],
        { username: 'jane', groups: ['admin'] },
      ],
      [undefined, ['Impersonate-Group', 'admin'], undefined],
    ] as const) {
      const { audit, events, request } = create(false);
      request.caller = caller;
      audit.sent(['Host', 'x', 'Authorization', 'Bearer S3CRET', ...headers]);
      audit.completed(200, undefined);
      assert.deepEqual(events[0]?.impersonatedUser, expected, headers.join(' '));
      assert.doesNotMatch(JSON.stringify(events), /S3CRET/);
    }
  });

  it('takes the id that the request brings, and says by which rule it was refused', () => {
    const { audit, events } = create(false, { 'audit-id': 'given' });
    audit.annotate('kube-api-proxy/rejected-by', 'path');
    audit.completed(403, new StatusError(403, 'not so'));
    assert.equal(events[0]?.auditID, 'given');
    assert.deepEqual(events[0]?.annotations, { 'kube-api-proxy/rejected-by': 'path' });
    assert.equal(events[0]?.responseStatus?.reason, 'Forbidden');
  });

  it('has nothing of a secret that a header holds', () => {
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

describe('the user whom Impersonate-* headers ask for', () => {
  it('is whom impersonationHeaders wrote', () => {
    const impersonation: Impersonation = {
      user: 'jané',
      uid: '42',
      groups: ['développeurs', 'b'],
      extra: new Map([
        ['example.com/acmé scope', ['one', 'zwei']],
        ['plain', ['x']],
      ]),
    };
    const { user: username, uid, groups, extra } = impersonation;
    assert.deepEqual(impersonatedUser(impersonationHeaders(impersonation)), { username, uid, groups, extra });
  });

  it('is nobody without Impersonate-User', () => {
    assert.equal(impersonatedUser(['Host', 'x', 'If-Match', 'y', 'Impersonate-Group', 'z']), undefined);
  });

  it('has the fields of escapes that are none as they are', () => {
    const user = impersonatedUser(['Impersonate-User', 'a', 'Impersonate-Extra-100%', 'x']);
    assert.deepEqual([...(user?.extra ?? [])], [['100%', ['x']]]);
  });
});
