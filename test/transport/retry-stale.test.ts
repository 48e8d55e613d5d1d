import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { retryStale } from '../../src/transport/retry-stale.js';
import type { RoundTrip } from '../../src/transport/round-trip.js';
import { FakeRoundTripper } from '../support/fake-round-tripper.js';
import { RecordedResponse, requestTo } from '../support/recorded-response.js';

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

/** The connection of the so-manyth attempt turns out to be stale. */
function goStale(index = 0): void {
  const trip = pool.trip(index);
  trip.isStale = true;
  trip.sink.error(gone);
}

describe('a request whose connection has gone stale', () => {
  it('is sent again as it is, on a new connection, and its sink hears of the second response only', () => {
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

  it('fails when the new connection fails, whatever that says of itself', () => {
    send();
    goStale();
    goStale(1);
    assert.equal(pool.trips.length, 2);
    assert.equal(response.failure, gone);
  });

  it('fails at once if it must not be repeated', () => {
    send(false);
    goStale();
    assert.equal(pool.trips.length, 1);
    assert.equal(response.failure, gone);
  });

  it('fails at once if its response has begun', () => {
    send();
    pool.trip().head(200);
    goStale();
    assert.equal(pool.trips.length, 1);
    assert.equal(response.failure, gone);
  });
});

describe('a request whose connection fails otherwise', () => {
  it('is not sent again', () => {
    send();
    pool.trip().sink.error(gone);
    assert.equal(pool.trips.length, 1);
    assert.equal(response.failure, gone);
  });
});

describe('a round trip that may be retried', () => {
  it('is paused, resumed and given up on the connection of the second attempt', () => {
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
    it(`leaves the connection of a request ${how} alone once the response is over`, () => {
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
