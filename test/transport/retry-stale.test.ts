import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { retryStale } from '../../src/transport/retry-stale.js';
import type { RoundTrip } from '../../src/transport/round-trip.js';
import { FakeRoundTripper } from '../support/transport/fake-round-tripper.js';
import { RecordedResponse, requestTo } from '../support/transport/recorded-response.js';

const gone = Object.assign(new Error('gone'), { code: 'ECONNRESET' });

let pool: FakeRoundTripper;
let response: RecordedResponse;
beforeEach(() => {
  pool = new FakeRoundTripper();
  response = new RecordedResponse();
});

function send(isRepeatable = true): RoundTrip {
  return retryStale(pool).send(requestTo('/', { isRepeatable, connection: 'shared' }), response);
}

/** Lets the connection of the attempt with this index be stale. */
function goStale(index = 0): void {
  const trip = pool.trip(index);
  trip.isStale = true;
  trip.sink.error(gone);
}

describe('a request on a stale connection', () => {
  it('is sent again unchanged on a new connection, and its sink gets only the second response', () => {
    send();
    goStale();
    assert.deepEqual(
      pool.trips.map(({ request }) => request),
      [
        requestTo('/', { isRepeatable: true, connection: 'shared' }),
        requestTo('/', { isRepeatable: true, connection: 'new' }),
      ],
    );
    assert.equal(response.failure, undefined);
    pool.trip(1).head(200);
    pool.trip(1).body('whole');
    pool.trip(1).sink.end([]);
    assert.deepEqual([response.status, response.text, response.trailers], [200, 'whole', []]);
  });

  it('fails if the new connection fails too, even if that is stale', () => {
    send();
    goStale();
    goStale(1);
    assert.equal(pool.trips.length, 2);
    assert.equal(response.failure, gone);
  });

  it('fails immediately if it may not be repeated', () => {
    send(false);
    goStale();
    assert.equal(pool.trips.length, 1);
    assert.equal(response.failure, gone);
  });

  it('fails immediately if its response has begun', () => {
    send();
    pool.trip().head(200);
    goStale();
    assert.equal(pool.trips.length, 1);
    assert.equal(response.failure, gone);
  });
});

describe('a request on a connection with another failure', () => {
  it('is not sent again', () => {
    send();
    pool.trip().sink.error(gone);
    assert.equal(pool.trips.length, 1);
    assert.equal(response.failure, gone);
  });
});

describe('a round trip that may be repeated', () => {
  it('is paused, resumed and aborted on the connection of the second attempt', () => {
    const trip = send();
    trip.pause();
    goStale();
    trip.pause();
    trip.resume();
    trip.abort();
    assert.deepEqual(pool.trip(0).calls, ['pause']);
    assert.deepEqual(pool.trip(1).calls, ['pause', 'resume', 'abort']);
  });

  for (const [how, isRepeatable] of [
    ['that may be repeated', true],
    ['that must not be repeated', false],
  ] as const) {
    it(`does not touch the connection of a request ${how} after the response`, () => {
      for (const end of [() => pool.trip().sink.end([]), () => pool.trip().sink.error(gone)]) {
        pool = new FakeRoundTripper();
        response = new RecordedResponse();
        const trip = send(isRepeatable);
        end();
        trip.pause();
        trip.resume();
        trip.abort();
        assert.deepEqual(pool.trip().calls, []);
      }
    });
  }
});
