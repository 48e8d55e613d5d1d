import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Phase } from '../../src/lib/phases.js';
import { Deferred } from '../../src/lib/promises.js';
import type { Access } from '../../src/transport/access.js';
import type { SwitchedResponse } from '../../src/transport/round-trip.js';
import { UpstreamCall } from '../../src/transport/upstream-call.js';
import { FakeLease, FakePool } from '../support/transport/fake-pool.js';
import { RecordedResponse } from '../support/transport/recorded-response.js';
import { accessTo, upstreamRequestTo } from '../support/transport/upstream-requests.js';

const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });

interface Told {
  readonly name: Phase;
  readonly from: number;
  readonly to: number;
  readonly error: unknown;
  readonly shared: object | undefined;
}

let told: Told[];
let pool: FakePool;
let access: Access;
beforeEach(() => {
  told = [];
  pool = new FakePool();
  access = accessTo(pool);
});

const phases = {
  phase(name: Phase, from: number, to: number, error?: unknown, shared?: object) {
    assert.ok(from <= to);
    told.push({ name, from, to, error, shared });
  },
};

function send(source = { access: (): Access | Promise<Access> => access, refused: refusal }): UpstreamCall {
  const response = new RecordedResponse();
  const call = new UpstreamCall(source, upstreamRequestTo('/pods', { isRepeatable: true }), response, {
    phases,
  });
  return call.start();
}

async function refusal(): Promise<Access | undefined> {
  return undefined;
}

/** Each phase, with a `!` if it failed. */
function names(): string {
  return told.map(({ name, error }) => (error === undefined ? name : `${name}!`)).join(' ');
}

/** A connection that is still being opened. */
class DiallingLease extends FakeLease {
  isDialling = true;
}

describe('the phases of a call', () => {
  it('are the head and the body if nothing else has to be waited for', () => {
    send();
    pool.get().head(200);
    pool.get().body('text');
    assert.equal(names(), 'head');
    pool.get().sink.end();
    assert.equal(names(), 'head body');
    assert.equal(told[0]?.to, told[1]?.from);
  });

  it('are also the credential and the connection, which others may wait for too', async () => {
    const late = new Deferred<Access>();
    send({ access: () => late.promise, refused: refusal });
    const opening = new Deferred<void>();
    pool.opening = opening.promise;
    const connection = {};
    late.resolve(access);
    await turn();
    Object.assign(pool.get(), { connection });
    opening.resolve();
    await turn();
    pool.get().head(200);
    assert.equal(names(), 'credential dial head');
    assert.deepEqual(
      told.map(({ shared }) => shared),
      [late.promise, connection, undefined],
    );
  });

  it('tell when a connection of its own is open', () => {
    pool.lease = kind => {
      const lease = new DiallingLease(kind);
      pool.leases.push(lease);
      return lease;
    };
    send();
    assert.equal(names(), '');
    pool.get().sink.opened?.();
    assert.equal(names(), 'dial');
    pool.get().head(200);
    assert.equal(names(), 'dial head');
  });

  it('end with the error of the connection, which is the same for all who wait', async () => {
    const opening = new Deferred<void>();
    pool.opening = opening.promise;
    send();
    opening.reject(reset);
    await turn();
    assert.equal(names(), 'dial!');
    assert.equal(told[0]?.shared, reset);
  });

  it('end with the error of a response, also in its middle', () => {
    send();
    pool.get().sink.error(reset);
    assert.equal(names(), 'head!');
    send();
    pool.get(1).head(200);
    pool.get(1).sink.error(reset);
    assert.equal(names(), 'head! head body!');
  });

  it('begin again on a new connection, and with another credential', async () => {
    send();
    pool.get().goStale(reset);
    pool.get(1).head(200);
    assert.equal(names(), 'head head');
    told = [];
    send({ access: () => access, refused: async () => access });
    pool.get(2).head(401);
    await turn();
    pool.get(3).head(200);
    pool.get(3).sink.end();
    assert.equal(names(), 'head credential body head body');
  });

  it('end when the call is given up, and when the protocol switches', () => {
    const call = send();
    pool.get().head(200);
    call.abort();
    assert.equal(names(), 'head body!');
    told = [];
    send();
    pool.get(1).sink.switched?.({} as SwitchedResponse);
    assert.equal(names(), 'head');
  });

  it('cost nothing if nobody wants to know them: the clock is read when the request is sent and when its head comes', t => {
    const clock = t.mock.method(performance, 'now');
    const call = new UpstreamCall(
      { access: () => access, refused: refusal },
      upstreamRequestTo('/pods'),
      new RecordedResponse(),
      {},
    );
    call.start();
    pool.get().head(200);
    pool.get().sink.end();
    assert.equal(clock.mock.callCount(), 2);
  });
});
