import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createAccessReviewRoute } from '../../../src/features/access-reviews/access-review.js';
import type { Objection } from '../../../src/features/common/objections.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import type { Question } from '../../../src/reviews/reviews.js';
import { lastingBytes } from '../../../src/transport/borrowed-bytes.js';
import type { ClientSink, ResponseSink } from '../../../src/transport/round-trip.js';
import { endpointWith } from '../../support/proxy/client-request.js';

const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
const spec = {
  resourceAttributes: {
    verb: 'list',
    version: 'v1',
    resource: 'pods',
    name: '',
    labelSelector: { rawSelector: 'a=b' },
  },
};
const yes = { kind: 'SelfSubjectAccessReview', spec, status: { allowed: true, reason: 'by RBAC' } };
const json = ['Content-Type', 'application/json'];

interface Parts {
  readonly method?: string;
  readonly target?: string;
  readonly impersonation?: readonly string[] | 'configured';
  readonly objection?: Objection | Error;
  readonly areThere?: boolean;
  /** The answer of the API server. */
  readonly answer?: object | string;
  readonly code?: number;
  readonly headers?: readonly string[];
}

/** What the client of a request gets; undefined if the route does not take it. */
async function take({
  method = 'POST',
  target = reviews,
  impersonation = ['Impersonate-User', 'jane'],
  objection,
  areThere = true,
  answer = yes,
  code = 201,
  headers = json,
}: Parts) {
  const asked: Question[] = [];
  const objections = {
    areThere: async () => areThere,
    to: async (question: Question) => {
      asked.push(question);
      if (objection instanceof Error) throw objection;
      return objection;
    },
  };
  const got = {
    code: 0,
    text: '',
    length: '',
    error: undefined as Error | undefined,
    isOver: false,
    aborts: 0,
  };
  const sink = {
    head(status: number, _message: string, fields: string[]) {
      got.code = status;
      got.length = fields[fields.lastIndexOf('Content-Length') + 1] ?? '';
      return {
        data(chunk) {
          got.text += chunk.view().toString();
        },
        idle() {},
      };
    },
    end: () => {
      got.isOver = true;
    },
    error: (error: Error) => {
      got.error = error;
    },
  } as Partial<ClientSink> as ClientSink;
  let sent: readonly string[] | undefined;
  const route = createAccessReviewRoute(objections as never);
  const onward = {
    sendAfter: (after: unknown, own: { headers: readonly string[] }, to: ResponseSink) => {
      assert.equal(after, route);
      sent = own.headers;
      queueMicrotask(() => {
        const body = to.head(code, '', [...headers]);
        const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
        for (const part of [text.slice(0, 9), text.slice(9)])
          if (part !== '') body.data(lastingBytes(Buffer.from(part)));
        to.end();
      });
      return { pause() {}, resume() {}, abort() {} };
    },
    expire: () => assert.fail(),
  };
  const request = {
    ...{ cluster: { name: 'c' }, endpoint: endpointWith(), mount: { namesContext: false }, head: { method } },
    path: { info: parseRequestInfo(method, target, ''), forServer: { query: '' } },
    impersonated: { headers: impersonation },
  };
  const own = {
    impersonation,
    headers: ['Accept', 'application/vnd.kubernetes.protobuf', 'Accept-Encoding', 'gzip'],
  };
  const trip = route.take(request as never, own as never, sink, onward as never);
  if (trip === undefined) return undefined;
  await turn();
  return { ...got, asked, sent, trip };
}

const objection = { reason: 'proxy_right', message: 'this proxy may not list pods' } as const;

describe('an access review of a caller', () => {
  it('is a no, and says why, where something stands against what the API server allows', async () => {
    const { code, text, length, asked, sent, isOver } = (await take({ objection })) ?? assert.fail();
    const status = { allowed: false, denied: true, reason: objection.message };
    assert.deepEqual([code, isOver, JSON.parse(text)], [201, true, { ...yes, status }]);
    assert.equal(Number(length), Buffer.byteLength(text));
    assert.deepEqual(sent, ['Accept', 'application/json']);
    const { name: _, ...attributes } = spec.resourceAttributes;
    assert.deepEqual(
      asked.map(question => [question.as, question.attributes]),
      [[['Impersonate-User', 'jane'], { resourceAttributes: attributes }]],
    );
    const failed = await take({ objection: { ...objection, error: 'away' } });
    assert.equal(JSON.parse(failed?.text ?? '').status.evaluationError, 'away');
  });

  it('is what the API server answers otherwise, byte for byte', async () => {
    const no = { ...yes, status: { allowed: false } };
    for (const [parts, isAsked] of [
      [{}, true],
      [{ answer: no, objection }, false],
      [{ answer: { ...yes, spec: {} }, objection }, false],
      [{ answer: 'null', objection }, false],
      [{ answer: '{"status":', objection }, false],
      [{ headers: ['Content-Type', 'text/plain'], objection }, false],
      [{ headers: [...json, 'Content-Encoding', 'gzip'], objection }, false],
      [{ code: 403, objection }, false],
      // A longer one is not held: a server of others may send one without end.
      [{ answer: { ...yes, more: 'x'.repeat(200_000) }, objection }, false],
    ] as const) {
      const { code, text, asked, isOver } = (await take(parts)) ?? assert.fail();
      const { answer = yes } = parts as Parts;
      assert.equal(text, typeof answer === 'string' ? answer : JSON.stringify(answer));
      assert.deepEqual([code, asked.length > 0, isOver], [(parts as Parts).code ?? 201, isAsked, true]);
    }
  });

  it('goes on as it came where nothing can stand against it', async () => {
    const { sent, text, asked } = (await take({ areThere: false, objection })) ?? assert.fail();
    assert.equal(sent?.length, 4);
    assert.deepEqual([JSON.parse(text), asked], [yes, []]);
  });

  it('fails where it cannot be said', async () => {
    const error = new Error('busy');
    const failed = await take({ objection: error });
    assert.deepEqual([failed?.error, failed?.code], [error, 0]);
  });

  it('is one of a caller, by any spelling, and nothing else', async () => {
    for (const [parts, isTaken] of [
      [{}, true],
      [{ target: '/apis/authorization.k8s.io/v1/namespaces/x/selfsubjectaccessreviews' }, true],
      [{ impersonation: 'configured' }, false],
      [{ method: 'GET' }, false],
      [{ target: `${reviews}/x/status` }, false],
      [{ target: '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews' }, false],
      [{ target: '/apis/authorization.k8s.io/v1/subjectaccessreviews' }, false],
    ] as const)
      assert.equal((await take(parts)) !== undefined, isTaken, JSON.stringify(parts));
  });
});
