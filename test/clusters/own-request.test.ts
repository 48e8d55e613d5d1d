import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { get, postReview } from '../../src/clusters/own-request.js';
import { CredentialError } from '../../src/credentials/credential.js';
import { fieldValue } from '../../src/http/header-fields.js';
import { Deferred } from '../../src/lib/promises.js';
import { type Access, ReplacedError } from '../../src/transport/access.js';
import { UpstreamError } from '../../src/transport/upstream-error.js';
import { jsonOf } from '../support/transport/answering-pool.js';
import { FakePool } from '../support/transport/fake-pool.js';
import { accessTo } from '../support/transport/upstream-requests.js';

const timeout = 5_000;
const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: 't' }, timeout };

let first: FakePool;
let second: FakePool;
let one: Access;
let two: Access;
let current: Access | Promise<Access>;
let next: Promise<Access | undefined>;
let refused: Access[];
beforeEach(() => {
  [first, second] = [new FakePool(), new FakePool()];
  const impersonation = ['Impersonate-User', 'jane'];
  one = accessTo(first, { credential: { authorization: 'Bearer one' }, impersonation, serverPath: '/k8s' });
  two = accessTo(second, { credential: { authorization: 'Bearer two' }, serverPath: '/k8s' });
  current = one;
  next = Promise.resolve(two);
  refused = [];
});

const cluster = {
  access: () => current,
  refused(access: Access) {
    refused.push(access);
    return next;
  },
};

function answer(pool: FakePool, status: number, text: string, index = 0): void {
  pool.get(index).head(status);
  pool.get(index).body(text);
  pool.get(index).sink.end();
}

describe('a request of the proxy itself', () => {
  it('is a GET with the credential and the impersonation of the access, below the path of the server', async () => {
    const waiting = get(cluster, '/version', { accept: 'a/b', timeout });
    const { method, path, headers, body } = first.get().request;
    assert.deepEqual([method, path, body], ['GET', '/k8s/version', undefined]);
    assert.equal(fieldValue(headers, 'host'), 'api:6443');
    assert.equal(fieldValue(headers, 'accept'), 'a/b');
    assert.equal(fieldValue(headers, 'authorization'), 'Bearer one');
    assert.equal(fieldValue(headers, 'impersonate-user'), 'jane');
    answer(first, 200, 'yes');
    assert.deepEqual(await waiting, { status: 200, headers: ['X-Status', '200'], text: 'yes' });
  });

  it('is not sent with the access of another user', async () => {
    const user = { isUserOf: (access: Access) => access === one };
    current = two;
    await assert.rejects(postReview(cluster, { ...review, user }), ReplacedError);
    assert.deepEqual(second.leases, []);
  });

  it('is the POST of a review as another user, and with the length of its body', async () => {
    for (const as of [['Impersonate-User', 'ann'], []]) {
      const waiting = postReview(cluster, { ...review, as });
      const { method, path, headers, body } = first.leases.at(-1)?.request ?? assert.fail();
      assert.equal(`${method} ${path}`, 'POST /k8s/apis/authentication.k8s.io/v1/tokenreviews');
      assert.equal(fieldValue(headers, 'impersonate-user'), as[1]);
      for (const name of ['accept', 'content-type'])
        assert.equal(fieldValue(headers, name), 'application/json', name);
      const { timeout: _, ...whole } = review;
      assert.deepEqual(jsonOf(body), whole);
      assert.equal(fieldValue(headers, 'content-length'), String(JSON.stringify(whole).length));
      answer(first, 201, '{}', first.leases.length - 1);
      assert.equal((await waiting).status, 201);
    }
  });

  it('is sent again with its body on a new connection, and with another credential after a 401', async () => {
    const waiting = postReview(cluster, review);
    first.get().goStale(new Error('gone'));
    answer(first, 401, 'no', 1);
    await turn();
    assert.deepEqual(
      [refused, first.get(1).kind, second.get().request.body],
      [[one], 'new', first.get().request.body],
    );
    assert.equal(fieldValue(second.get().request.headers, 'authorization'), 'Bearer two');
    answer(second, 201, 'yes');
    assert.deepEqual(await waiting, { status: 201, headers: ['X-Status', '201'], text: 'yes' });
  });

  for (const [most, bytes] of [
    [undefined, 32 * 1024 * 1024],
    [8, 8],
  ] as const) {
    it(`fails if its answer has more than ${bytes} bytes, and reads no more of it`, async () => {
      const waiting = get(cluster, '/version', { timeout, ...(most && { most }) });
      first.get().head(200);
      const part = 'x'.repeat(bytes / 4);
      for (let count = 0; count < 4; count += 1) first.get().body(part);
      // A connection ends with the error that its sink throws.
      assert.throws(
        () => first.get().body('x'),
        (error: Error) => {
          first.get().sink.error(error);
          return true;
        },
      );
      await assert.rejects(waiting, UpstreamError);
    });
  }
});

describe('the time limit of a request of the proxy itself', () => {
  it('ends the wait for a credential', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const late = new Deferred<Access>();
    current = late.promise;
    const waiting = assert.rejects(get(cluster, '/version', { timeout }), CredentialError);
    t.mock.timers.tick(timeout);
    await waiting;
    late.resolve(one);
    await turn();
    assert.deepEqual(first.leases, [], 'nothing is sent after that');
  });

  it('begins again when the request is sent, ends the wait for the answer, and gives the connection up', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const late = new Deferred<Access>();
    current = late.promise;
    const result = get(cluster, '/version', { timeout });
    t.mock.timers.tick(timeout - 1);
    late.resolve(one);
    await turn();
    t.mock.timers.tick(timeout - 1);
    first.get().head(200);
    first.get().body('half');
    assert.deepEqual(first.get().calls, []);
    const waiting = assert.rejects(result, { code: 504, reason: 'timeout' });
    t.mock.timers.tick(1);
    await waiting;
    assert.deepEqual(first.get().calls, ['abort']);
  });

  it('leaves no timer behind when the answer is there', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const waiting = get(cluster, '/version', { timeout });
    answer(first, 200, 'yes');
    await waiting;
    t.mock.timers.tick(2 * timeout);
    assert.deepEqual(first.get().calls, []);
  });
});
