import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { renewOn401, type SessionRequest } from '../../src/transport/renew-on-401.js';
import type { OutgoingRequest, RoundTrip } from '../../src/transport/round-trip.js';
import { UpstreamError } from '../../src/transport/upstream-error.js';
import { FakeRoundTripper } from '../support/transport/fake-round-tripper.js';
import { RecordedResponse, requestTo } from '../support/transport/recorded-response.js';

class FakeSession {
  readonly host = 'api:6443';
  readonly roundTripper = new FakeRoundTripper();
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });

let first: FakeSession;
let second: FakeSession;
let current: () => FakeSession | Promise<FakeSession>;
/** The sessions that got a 401, and the function that resolves the pending search for another one. */
let refused: FakeSession[];
let renew: (next: FakeSession | undefined) => void;
let times: number[];
let response: RecordedResponse;
beforeEach(() => {
  first = new FakeSession('first');
  second = new FakeSession('second');
  current = () => first;
  refused = [];
  times = [];
  response = new RecordedResponse();
});

function send(request: Partial<SessionRequest<FakeSession>> = {}): RoundTrip {
  const sessions = {
    session: () => current(),
    refused(session: FakeSession) {
      refused.push(session);
      return new Promise<FakeSession | undefined>(resolve => {
        renew = resolve;
      });
    },
  };
  return renewOn401({ sessions, onFirstByte: time => times.push(time) }).send(
    {
      bringsAuthorization: false,
      hidesRefusal: false,
      hasBody: false,
      forSession: ({ name }) => requestTo(`/${name}`),
      ...request,
    },
    response,
  );
}

/** Ends the search with another session or none, and waits until this has an effect. */
async function find(next: FakeSession | undefined): Promise<void> {
  renew(next);
  await turn();
}

function pathsOf({ roundTripper }: FakeSession): string[] {
  return roundTripper.trips.map(({ request }) => request.path);
}

describe('a request that gets a 401', () => {
  it('is created for another session and sent with it, and its client does not see the 401', async () => {
    send();
    const trip = first.roundTripper.trip();
    trip.head(401);
    trip.body('no');
    trip.sink.end([]);
    assert.deepEqual([refused, trip.calls, response.status], [[first], ['pause'], 0]);
    await find(second);
    assert.deepEqual([pathsOf(first), pathsOf(second)], [['/first'], ['/second']]);
    second.roundTripper.trip().head(200);
    second.roundTripper.trip().body('yes');
    second.roundTripper.trip().sink.end(['X', 'y']);
    assert.deepEqual([response.status, response.text, response.trailers], [200, 'yes', ['X', 'y']]);
    assert.equal(times.length, 2);
  });

  it('is aborted on its connection if it is sent again before its answer is whole', async () => {
    send();
    first.roundTripper.trip().head(401);
    await find(second);
    assert.deepEqual(first.roundTripper.trip().calls, ['pause', 'abort']);
  });

  it('is sent again only once', async () => {
    send();
    first.roundTripper.trip().head(401);
    await find(second);
    second.roundTripper.trip().head(401);
    assert.deepEqual([response.status, refused.length], [401, 1]);
  });

  it('passes the 401 on if there is no other credential, with the received part and the rest', async () => {
    send();
    const trip = first.roundTripper.trip();
    trip.head(401);
    trip.body('not ');
    trip.body('you');
    await find(undefined);
    assert.deepEqual([response.status, response.text, response.idles], [401, 'not you', 1]);
    assert.deepEqual(response.headers, ['X-Status', '401']);
    assert.deepEqual(trip.calls, ['pause', 'resume']);
    trip.body('!');
    trip.sink.end([]);
    assert.deepEqual([response.text, response.whole], ['not you!', true]);
  });

  it('passes an answer on that ended in the meantime, whole or cut', async () => {
    send();
    first.roundTripper.trip().head(401);
    first.roundTripper.trip().sink.end(['X', 'y']);
    await find(undefined);
    assert.deepEqual([response.status, response.trailers], [401, ['X', 'y']]);

    response = new RecordedResponse();
    send();
    first.roundTripper.trip(1).head(401);
    first.roundTripper.trip(1).sink.error(reset);
    await find(undefined);
    assert.deepEqual([response.status, response.failure instanceof UpstreamError], [401, true]);
  });

  it('is not sent again if it has a body, but another credential is searched for', async () => {
    send({ hasBody: true });
    first.roundTripper.trip().head(401);
    assert.deepEqual([response.status, refused], [401, [first]]);
    await find(second);
    assert.equal(second.roundTripper.trips.length, 0);
  });

  it('starts no renewal if the client sent its own credential', () => {
    send({ bringsAuthorization: true });
    first.roundTripper.trip().head(401);
    assert.deepEqual([response.status, refused], [401, []]);
  });

  it('fails instead if its caller must not see a refusal: without another credential, after it, and with a body', async () => {
    const isRefusal = (error: Error | undefined) =>
      error instanceof UpstreamError && error.code === 502 && error.reason === 'credential';
    send({ hidesRefusal: true });
    first.roundTripper.trip().head(401);
    first.roundTripper.trip().body('no');
    assert.equal(response.failure, undefined);
    await find(undefined);
    assert.ok(isRefusal(response.failure));
    assert.deepEqual([response.status, response.text], [0, '']);

    response = new RecordedResponse();
    send({ hidesRefusal: true });
    first.roundTripper.trip(1).head(401);
    await find(second);
    assert.throws(() => second.roundTripper.trip().head(401), isRefusal);

    send({ hidesRefusal: true, hasBody: true });
    assert.throws(() => first.roundTripper.trip(2).head(401), isRefusal);
    assert.equal(response.status, 0);
  });

  it('is passed on nevertheless if the API server has authenticated it, as for an aggregated API', async () => {
    send({ hidesRefusal: true });
    const headers = ['X-Kubernetes-PF-FlowSchema-UID', 'd38fef58'];
    first.roundTripper.trip().sink.head(401, '', headers);
    await find(undefined);
    assert.deepEqual([response.status, response.headers], [401, headers]);
  });

  it('fails if it may not be sent with the other session', async () => {
    const verdict = new Error('not there');
    const forSession = ({ name }: FakeSession): OutgoingRequest => {
      if (name === 'second') throw verdict;
      return requestTo('/');
    };
    send({ forSession });
    first.roundTripper.trip().head(401);
    await find(second);
    assert.equal(response.failure, verdict);
    assert.equal(second.roundTripper.trips.length, 0);
  });

  it('has no further effect if it is aborted in the meantime', async () => {
    for (const next of [second, undefined]) {
      first = new FakeSession('first');
      const trip = send();
      first.roundTripper.trip().head(401);
      trip.abort();
      assert.deepEqual(first.roundTripper.trip().calls, ['pause', 'abort']);
      await find(next);
      assert.deepEqual([response.status, response.failure, second.roundTripper.trips], [0, undefined, []]);
    }
  });

  it('fails if its sink throws for the answer', async () => {
    send();
    response.head = () => {
      throw Object.assign(new Error('no head'), { code: 'ERR_INVALID_CHAR' });
    };
    first.roundTripper.trip().head(401);
    await find(undefined);
    assert.deepEqual(first.roundTripper.trip().calls, ['pause', 'abort']);
    assert.match(response.failure?.message ?? '', /api:6443 .*not valid HTTP/);
  });
});

describe('a request', () => {
  it('waits for a session, and is not sent if it is aborted in the meantime', async () => {
    current = async () => first;
    send();
    send().abort();
    assert.equal(first.roundTripper.trips.length, 0);
    await turn();
    assert.equal(first.roundTripper.trips.length, 1);
  });

  it('fails with the reason if there is no session, or if it may not be sent', async () => {
    const error = new Error('no credential');
    current = () => Promise.reject(error);
    send();
    assert.equal((await response.over).failure, error);

    response = new RecordedResponse();
    current = () => first;
    send({
      forSession: () => {
        throw error;
      },
    });
    assert.equal(response.failure, error);
  });

  it('fails with an error that names the API server if its connection fails', () => {
    send();
    first.roundTripper.trip().sink.error(reset);
    assert.ok(response.failure instanceof UpstreamError);
    assert.match(response.failure.message, /^the API server at api:6443 /);
  });
});
