import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { RefusedGroupError } from '../../src/kubernetes/refused-group.js';
import { StatusError } from '../../src/kubernetes/status.js';
import { Deferred } from '../../src/lib/promises.js';
import { type Access, ReplacedError } from '../../src/transport/access.js';
import type { OutgoingBody, SwitchedResponse } from '../../src/transport/round-trip.js';
import { type CallObserver, UpstreamCall } from '../../src/transport/upstream-call.js';
import { UpstreamError } from '../../src/transport/upstream-error.js';
import type { UpstreamRequest } from '../../src/transport/upstream-request.js';
import { FakePool } from '../support/transport/fake-pool.js';
import { RecordedResponse } from '../support/transport/recorded-response.js';
import { endpoint, upstreamRequestTo } from '../support/transport/upstream-requests.js';

const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
const gone = Object.assign(new Error('gone'), { code: 'ECONNRESET' });
const body: OutgoingBody = { start() {}, stop() {} };

/** Access to an API server, with connections of its own. Each name is another path of the server, and another credential. */
class TestAccess implements Access {
  readonly endpoint = endpoint;
  readonly host = 'api:6443';
  readonly serverPath: string;
  readonly credential: Access['credential'];
  readonly impersonation = [];
  readonly pool = new FakePool();

  constructor(name: string) {
    this.serverPath = `/${name}`;
    this.credential = { authorization: `Bearer ${name}` };
  }

  lease(index = 0) {
    return this.pool.get(index);
  }
}

let first: TestAccess;
let second: TestAccess;
let current: () => Access | Promise<Access>;
/** The accesses that got a 401, and the function that resolves the pending search for another one. */
let refused: Access[];
let renew: (next: Access | undefined) => void;
let response: RecordedResponse;
/** What the observer was told, in order. */
let told: (string | number)[];
let times: number[];
const observer: CallObserver = {
  sent: ({ host }) => told.push(`sent to ${host}`),
  firstByte: milliseconds => {
    told.push('firstByte');
    times.push(milliseconds);
  },
  unauthorized: () => told.push('unauthorized'),
  ended: reason => told.push(reason),
};
beforeEach(() => {
  first = new TestAccess('first');
  second = new TestAccess('second');
  current = () => first;
  refused = [];
  told = [];
  times = [];
  response = new RecordedResponse();
});

const source = {
  access: () => current(),
  refused(access: Access) {
    refused.push(access);
    return new Promise<Access | undefined>(resolve => {
      renew = resolve;
    });
  },
};

function send(request: Partial<UpstreamRequest> = {}): UpstreamCall {
  return new UpstreamCall(source, upstreamRequestTo('/pods', request), response, observer).start();
}

/** Ends the search with another access or none, and waits until this has an effect. */
async function find(next: Access | undefined): Promise<void> {
  renew(next);
  await turn();
}

/** Sends a request whose 401 leads to another access, or to none. */
async function sendRefused(request: Partial<UpstreamRequest> = {}, next: Access | 'none' = second) {
  const call = send(request);
  first.lease(first.pool.leases.length - 1).head(401);
  await find(next === 'none' ? undefined : next);
  return call;
}

function pathsOf({ pool }: TestAccess): string[] {
  return pool.leases.map(({ request }) => request.path);
}

describe('a request that gets a 401', () => {
  it('is created for another access and sent with it, and its client does not see the 401', async () => {
    send({ connection: 'upgrade' });
    const lease = first.lease();
    lease.head(401);
    lease.body('no');
    lease.sink.end();
    assert.deepEqual([refused, lease.calls, response.status], [[first], ['pause'], 0]);
    await find(second);
    assert.deepEqual([pathsOf(first), pathsOf(second)], [['/first/pods'], ['/second/pods']]);
    assert.deepEqual([lease.kind, second.lease().kind], ['upgrade', 'upgrade']);
    assert.deepEqual(told, ['sent to api:6443', 'sent to api:6443'], 'not that it is refused');
    assert.deepEqual(first.lease().request.headers.slice(-2), ['Authorization', 'Bearer first']);
    assert.deepEqual(second.lease().request.headers.slice(-2), ['Authorization', 'Bearer second']);
    second.lease().head(200);
    second.lease().body('yes');
    second.lease().sink.end();
    assert.deepEqual([response.status, response.text, response.whole], [200, 'yes', true]);
    assert.deepEqual([told.slice(2), times.length], [['firstByte', 'complete'], 1]);
  });

  it('passes the 401 on if there is no other credential, with the received part and the rest', async () => {
    send();
    const lease = first.lease();
    lease.head(401);
    lease.body('not ');
    lease.body('you');
    await find(undefined);
    assert.deepEqual([response.status, response.text, response.idles], [401, 'not you', 1]);
    assert.deepEqual(response.headers, ['X-Status', '401']);
    assert.deepEqual(lease.calls, ['pause', 'resume']);
    assert.deepEqual(told, ['sent to api:6443', 'firstByte', 'unauthorized']);
    lease.body('!');
    lease.sink.end();
    assert.deepEqual([response.text, response.whole], ['not you!', true]);
  });

  it('passes an answer on that ended in the meantime, whole or cut', async () => {
    send();
    first.lease().head(401);
    first.lease().sink.end();
    await find(undefined);
    assert.deepEqual([response.status, response.whole], [401, true]);

    response = new RecordedResponse();
    send();
    first.lease(1).head(401);
    first.lease(1).sink.error(reset);
    await find(undefined);
    assert.deepEqual([response.status, response.failure instanceof UpstreamError], [401, true]);
  });

  it('is sent again once with a body that can be repeated; for any other, another credential is searched for', async () => {
    await sendRefused({ body, isRepeatable: true });
    assert.deepEqual([second.lease().request.body, response.status], [body, 0]);
    assert.deepEqual(first.lease().calls, ['pause', 'abort'], 'the first answer was not whole');
    second.lease().head(401);
    assert.deepEqual([response.status, refused.length], [401, 1]);
    response = new RecordedResponse();
    await sendRefused({ body });
    assert.deepEqual([response.status, refused, second.pool.leases.length], [401, [first, first], 1]);
  });

  it('starts no renewal if the client sent its own credential, and says nothing about that of the proxy', () => {
    send({ bringsAuthorization: true });
    first.lease().head(401);
    first.lease().sink.end();
    assert.deepEqual([response.status, refused], [401, []]);
    assert.deepEqual(told, ['sent to api:6443', 'firstByte', 'complete']);
  });

  it('fails instead if its caller must not see a refusal: without another credential, after it, and with a body', async () => {
    const isRefusal = (error: Error | undefined) =>
      error instanceof UpstreamError && error.code === 502 && error.reason === 'credential';
    send({ hidesRefusal: true });
    first.lease().head(401);
    first.lease().body('no');
    assert.equal(response.failure, undefined);
    await find(undefined);
    assert.ok(isRefusal(response.failure));
    assert.deepEqual([response.status, response.text], [0, '']);
    assert.deepEqual(first.lease().calls, ['pause', 'abort']);
    assert.deepEqual(told, ['sent to api:6443', 'firstByte', 'unauthorized', 'error']);

    response = new RecordedResponse();
    await sendRefused({ hidesRefusal: true });
    assert.throws(() => second.lease().head(401), isRefusal);

    send({ hidesRefusal: true, body });
    assert.throws(() => first.lease(2).head(401), isRefusal);
    assert.equal(response.status, 0);
  });

  it('is passed on nevertheless if the API server has authenticated it, as for an aggregated API', async () => {
    send({ hidesRefusal: true });
    const headers = ['X-Kubernetes-PF-FlowSchema-UID', 'd38fef58'];
    first.lease().sink.head(401, '', headers);
    await find(undefined);
    assert.deepEqual([response.status, response.headers], [401, headers]);
  });

  it('fails if it is a 403 about a group of its user, and is passed on as it came if it is about something else', async () => {
    const impersonation = ['Impersonate-User', 'alice', 'Impersonate-Group', 'ops'];
    const about = (resource: string) =>
      `{"message":"${resource} \\"ops\\" is forbidden: User \\"gw\\" cannot impersonate resource \\"${resource}\\" in"}`;
    const answer = (text: string, more: Partial<UpstreamRequest> = {}, headers?: string[]) => {
      first = new TestAccess('first');
      response = new RecordedResponse();
      send({ hidesRefusal: true, impersonation, ...more });
      first.lease().head(403, headers);
      // In two parts.
      for (const part of [text.slice(0, 9), text.slice(9)]) first.lease().body(part);
      return first.lease();
    };
    answer(about('groups')).sink.end();
    await turn();
    assert.ok(response.failure instanceof RefusedGroupError);
    assert.deepEqual([response.status, response.text], [0, '']);

    const long = `${about('groups')}${' '.repeat(200_000)}`;
    for (const [text, more, headers] of [
      [about('users'), {}, ['X', 'y']],
      [long, {}, ['X', 'y']],
      [about('groups'), { hidesRefusal: false }, ['X', 'y']],
      [about('groups'), { impersonation: [...impersonation.slice(0, 3), 'dev'] }, ['X', 'y']],
      [about('groups'), {}, ['X-Kubernetes-PF-FlowSchema-UID', 'd38fef58']],
    ] as const) {
      answer(text, more, [...headers]).sink.end();
      await turn();
      assert.deepEqual(
        [response.status, response.headers, response.text, response.whole, response.failure],
        [403, headers, text, true, undefined],
      );
    }

    // The answer names a right of constrained impersonation, and the proxy another one.
    const on = '{"message":"forbidden: User \\"gw\\" cannot\n  impersonate-on:user-info:get path"}';
    for (const error of [new StatusError(403, 'missing'), undefined]) {
      answer(on, { missingRight: async () => error }).sink.end();
      await turn();
      assert.deepEqual([response.failure, response.text], [error, error === undefined ? on : '']);
    }
    answer(about('users'), { missingRight: () => assert.fail('the answer names the right') }).sink.end();
    await turn();
    assert.equal(response.text, about('users'));

    answer('{"mess').sink.error(reset);
    await turn();
    assert.deepEqual([response.status, response.text], [403, '{"mess']);
    assert.ok(response.failure instanceof UpstreamError);

    // A head that no client can get.
    answer('');
    response.head = () => {
      throw Object.assign(new Error('no'), { code: 'ERR_INVALID_CHAR' });
    };
    first.lease().sink.end();
    await turn();
    assert.equal((response.failure as UpstreamError | undefined)?.reason, 'other');
  });
});

it('a request that has no access or cannot be made takes no connection, and its observer is told only of its end', async () => {
  const noAccess = new Error('no credential');
  for (const [request, access, error] of [
    [{}, () => Promise.reject(noAccess), Error],
    [
      {},
      () => {
        throw noAccess;
      },
      Error,
    ],
    [{ impersonation: undefined }, () => first, StatusError],
    [{ target: '/a b' }, () => first, TypeError],
    [{ judgedFor: { ...endpoint, impersonation: 'jane' } }, () => first, ReplacedError],
  ] as const) {
    response = new RecordedResponse();
    told = [];
    current = access;
    send(request);
    assert.ok((await response.over).failure instanceof error);
    assert.deepEqual([first.pool.leases, told], [[], ['error']]);
  }
});

it('a 400 without a header field becomes an error about TLS, unlike every other answer', () => {
  for (const [status, headers, isError] of [
    [400, [], true],
    [400, ['X', 'y'], false],
    [404, [], false],
  ] as const) {
    first = new TestAccess('first');
    response = new RecordedResponse();
    send();
    const answer = () => first.lease().head(status, [...headers]);
    if (isError) assert.throws(answer, { code: 502, reason: 'tls', message: /at api:6443 .*https:/ });
    else answer();
    assert.equal(response.status, isError ? 0 : status);
  }
});

describe('a request on a stale connection', () => {
  it('is sent again unchanged on a new connection, and its sink gets only the second response', () => {
    send({ isRepeatable: true, connection: 'shared' });
    first.lease().goStale(gone);
    assert.deepEqual(
      first.pool.leases.map(({ kind }) => kind),
      ['shared', 'new'],
    );
    assert.equal(first.lease(1).request, first.lease(0).request);
    assert.equal(response.failure, undefined);
    first.lease(1).head(200);
    first.lease(1).body('whole');
    first.lease(1).sink.end();
    assert.deepEqual([response.status, response.text, response.whole], [200, 'whole', true]);
  });

  it('fails immediately if it may not be repeated, its connection fails in another way, or its response has begun', () => {
    const failing = (isRepeatable: boolean, happens: () => void) => {
      first = new TestAccess('first');
      response = new RecordedResponse();
      send({ isRepeatable });
      happens();
      assert.deepEqual([response.failure?.cause, first.pool.leases.length], [gone, 1]);
    };
    failing(false, () => first.lease().goStale(gone));
    failing(true, () => first.lease().sink.error(gone));
    failing(true, () => {
      first.lease().head(200);
      first.lease().goStale(gone);
    });
  });
});

describe('a request on a stale connection that gets a 401 too', () => {
  for (const [isRepeatable, attempts] of [
    [true, 2],
    [false, 1],
  ] as const) {
    it(`fails after ${attempts} stale connections of the second access if it may be repeated: ${isRepeatable}`, async () => {
      await sendRefused({ isRepeatable });
      for (let attempt = 0; attempt < attempts; attempt++) second.lease(attempt).goStale(gone);
      assert.deepEqual([response.failure?.cause, second.pool.leases.length], [gone, attempts]);
    });
  }

  it('is not sent again if its withheld 401 breaks off, even if its connection says that it is stale', async () => {
    send({ isRepeatable: true });
    first.lease().head(401);
    first.lease().goStale(gone);
    await find(undefined);
    assert.deepEqual([response.status, response.failure?.cause], [401, gone]);
    assert.equal(first.pool.leases.length, 1);
  });
});

it('a call that may be repeated is paused, resumed and aborted on the connection of the second attempt', () => {
  const call = send({ isRepeatable: true });
  call.pause();
  first.lease().goStale(gone);
  call.pause();
  call.resume();
  call.abort();
  assert.deepEqual(first.lease(0).calls, ['pause']);
  assert.deepEqual(first.lease(1).calls, ['pause', 'resume', 'abort']);
});

/** A call that was brought into one state. */
interface Entered {
  readonly call: UpstreamCall;
  /** Lets what the call waits for come late. */
  readonly settle?: () => void;
  /** Lets what the call waits for, or its connection, fail. */
  readonly fail?: (error: Error) => void;
}

interface Situation {
  readonly state: UpstreamCall['state'];
  readonly enter: () => Entered | Promise<Entered>;
  /** What an error becomes: that of a connection names the API server. Undefined if there is none: a withheld 401 waits with its error. */
  readonly failsWith?: 'an error of the API server' | 'the error itself';
  /** Whether the response has ended, so that no connection is left to be given up. */
  readonly hasEnded?: boolean;
}

const situations: Readonly<Record<string, Situation>> = {
  'that waits for an access': {
    state: 'waiting',
    failsWith: 'the error itself',
    enter() {
      const access = new Deferred<Access>();
      current = () => access.promise;
      return { call: send(), settle: () => access.resolve(first), fail: error => access.reject(error) };
    },
  },
  'that waits for a connection': {
    state: 'sent',
    failsWith: 'an error of the API server',
    enter() {
      const opening = new Deferred<void>();
      first.pool.opening = opening.promise;
      return { call: send(), settle: () => opening.resolve(), fail: error => opening.reject(error) };
    },
  },
  'that was sent': {
    state: 'sent',
    failsWith: 'an error of the API server',
    enter: () => ({ call: send(), fail: error => first.lease().sink.error(error) }),
  },
  'whose 401 waits for another credential': {
    state: 'renewing',
    enter() {
      const call = send();
      first.lease().head(401);
      return { call, settle: () => renew(second) };
    },
  },
  'whose complete 401 waits for another credential': {
    state: 'renewing',
    hasEnded: true,
    enter() {
      const call = send();
      first.lease().head(401);
      first.lease().sink.end();
      return { call, settle: () => renew(undefined) };
    },
  },
  'that was sent with another credential': {
    state: 'sent',
    failsWith: 'an error of the API server',
    async enter() {
      const call = send();
      first.lease().head(401);
      await find(second);
      return { call, fail: error => second.lease().sink.error(error) };
    },
  },
  'that is answered': {
    state: 'answered',
    failsWith: 'an error of the API server',
    enter() {
      const call = send();
      first.lease().head(200);
      return { call, fail: error => first.lease().sink.error(error) };
    },
  },
};

for (const [which, { state, enter, failsWith, hasEnded = false }] of Object.entries(situations)) {
  describe(`a call ${which}`, () => {
    const leases = () => [...first.pool.leases, ...second.pool.leases];
    const used = () => leases().filter(({ isUsed }) => isUsed).length;
    const endings = () => told.filter(what => what === 'aborted' || what === 'error' || what === 'complete');
    const givenUp = () => leases().filter(({ calls }) => calls.at(-1) === 'abort').length;

    it(`is in the state ${state}`, async () => {
      assert.equal((await enter()).call.state, state);
    });

    for (const [how, end, reason] of [
      ['abort', (call: UpstreamCall) => call.abort(), 'aborted'],
      ['fail', (call: UpstreamCall) => call.fail(gone), 'error'],
    ] as const) {
      it(`is over after \`${how}\`: nothing is sent or answered any more, and its connection is given up`, async () => {
        const { call, settle } = await enter();
        const before = [response.status, used()];
        end(call);
        call.abort();
        call.fail(reset);
        settle?.();
        await turn();
        assert.equal(call.state, 'over');
        assert.deepEqual([response.status, used()], before);
        assert.equal(response.failure, how === 'fail' ? gone : undefined);
        assert.equal(response.whole, false);
        assert.deepEqual(endings(), [reason]);
        assert.equal(givenUp(), hasEnded ? 0 : leases().length);
      });
    }

    if (failsWith === undefined) return;
    it(`is over after an error, and its sink gets ${failsWith}`, async () => {
      const { call, fail } = await enter();
      fail?.(reset);
      await turn();
      call.abort();
      call.fail(gone);
      assert.equal(call.state, 'over');
      if (failsWith === 'the error itself') assert.equal(response.failure, reset);
      else {
        assert.ok(response.failure instanceof UpstreamError && response.failure.cause === reset);
        assert.match(response.failure.message, /^the API server at api:6443 /);
      }
      assert.deepEqual(endings(), ['error']);
    });
  });
}

it('a request of one user is sent with no access of another one, at first or after a 401', async () => {
  send({ user: { isUserOf: access => access === second } });
  assert.ok(response.failure instanceof ReplacedError);
  assert.deepEqual(first.pool.leases, []);

  response = new RecordedResponse();
  await sendRefused({ user: { isUserOf: access => access === first } }, second);
  assert.ok((response.failure as Error | undefined) instanceof ReplacedError);
  assert.deepEqual([second.pool.leases, response.status], [[], 0]);
});

describe('a request that was judged for an endpoint', () => {
  const other = { ...endpoint, server: 'other' };
  const at = (access: TestAccess, where: Access['endpoint']): Access => ({ ...access, endpoint: where });

  it('does not become a request to another one, while it waits for an access or after a 401', async () => {
    const waiting = new Deferred<Access>();
    current = () => waiting.promise;
    send({ judgedFor: other });
    waiting.resolve(first);
    assert.ok((await response.over).failure instanceof ReplacedError, 'what was judged for B goes not to A');

    response = new RecordedResponse();
    current = () => first;
    await sendRefused({ judgedFor: endpoint }, at(second, other));
    assert.ok((response.failure as Error | undefined) instanceof ReplacedError);
    assert.deepEqual([first.lease().calls, second.pool.leases.length], [['pause', 'abort'], 0]);
  });
});

it('a call for an upgrade passes the switched connection on, is over then, and does not touch it any more', () => {
  const switched: SwitchedResponse[] = [];
  const sink = Object.assign(response, {
    switched(answer: SwitchedResponse) {
      switched.push(answer);
      return response;
    },
  });
  const call = send({ connection: 'upgrade' });
  assert.equal(first.lease().kind, 'upgrade');
  const answer = { statusMessage: 'ok', headers: [], socket: {} as Socket };
  assert.equal(first.lease().sink.switched?.(answer), response);
  assert.deepEqual(switched, [answer]);
  call.abort();
  call.fail(reset);
  assert.deepEqual([call.state, first.lease().calls, sink.failure], ['over', [], undefined]);
  assert.deepEqual(told, ['sent to api:6443', 'firstByte', 'switched']);
});

describe('the observer of a call', () => {
  it('is told of the end before the sink is, and of nothing after that', () => {
    const call = send({ isRepeatable: true });
    response.onEvent = event => told.push(`sink: ${event}`);
    first.lease().head(200);
    first.lease().sink.end();
    assert.ok(times.every(milliseconds => milliseconds >= 0));
    for (const late of ['pause', 'resume', 'abort'] as const) call[late]();
    call.fail(reset);
    assert.deepEqual(told, ['sent to api:6443', 'firstByte', 'sink: head', 'complete', 'sink: end']);
    assert.deepEqual([call.state, first.lease().calls], ['over', []]);
  });

  it('may be left out', () => {
    new UpstreamCall(source, upstreamRequestTo('/'), response).start();
    first.lease().head(401);
    first.lease().sink.end();
    assert.deepEqual(refused, [first]);
  });
});
