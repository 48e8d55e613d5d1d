import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAllowed } from '../../src/clusters/access-review.js';
import type { Cluster } from '../../src/clusters/cluster.js';
import type { Session } from '../../src/clusters/endpoint.js';
import { ownBytes } from '../../src/transport/borrowed-bytes.js';
import type { ResponseSink } from '../../src/transport/round-trip.js';

/** A session whose API server sends this answer to every request. */
function sessionOf(host: string, status: number, asked: string[]): Session {
  return {
    host,
    serverPath: '',
    credential: {},
    impersonation: [],
    roundTripper: {
      send(_request: unknown, sink: ResponseSink) {
        asked.push(host);
        queueMicrotask(() => {
          const body = sink.head(status, '', []);
          body.data(ownBytes(Buffer.from(JSON.stringify({ status: { allowed: true } }))));
          sink.end([]);
        });
        return { pause() {}, resume() {}, abort() {} };
      },
    },
  } as unknown as Session;
}

describe('an access review', () => {
  it('counts only for the API server and the user of its session, and is sent to no other server', async () => {
    const asked: string[] = [];
    const first = sessionOf('first', 201, asked);
    const refusing = sessionOf('first', 401, asked);
    const second = sessionOf('second', 201, asked);
    const isFor = ({ host }: Session) => host === 'first';
    const ask = (now: Session, afterRefusal?: Session) => {
      const cluster = {
        host: '',
        session: () => now,
        refused: async () => afterRefusal,
      } as unknown as Cluster;
      return isAllowed(cluster, { verb: 'watch' }, { isFor });
    };
    assert.equal(await ask(first), true);
    await assert.rejects(ask(second), /the user has changed/);
    await assert.rejects(ask(refusing, second), /the user has changed/);
    assert.deepEqual(asked, ['first', 'first']);
  });
});
