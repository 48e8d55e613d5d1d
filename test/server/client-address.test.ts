import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { createClientAddress } from '../../src/server/addresses.js';
import { assertLinear } from '../support/growth.js';

const networks = ['10.0.0.0/8', '192.0.2.9', 'fd00::/8'];

/** The client of a request from a peer, with one X-Forwarded-For for each further value. */
function clientOf(peer: string | undefined, ...forwardedFor: readonly string[]): string | undefined {
  const rawHeaders = forwardedFor.flatMap(value => ['x-Forwarded-FOR', value]);
  return createClientAddress(networks)?.({ rawHeaders, socket: { remoteAddress: peer } as Socket });
}

describe('the address of a client', () => {
  for (const [peer, forwardedFor, client] of [
    ['10.1.2.3', ['198.51.100.7'], '198.51.100.7'],
    ['::ffff:10.1.2.3', ['198.51.100.7'], '198.51.100.7'],
    ['fd00::1', ['2001:db8::1'], '2001:db8::1'],
    // The client writes the first ones, and each proxy adds its own peer.
    ['10.1.2.3', ['127.0.0.1, 198.51.100.7'], '198.51.100.7'],
    ['10.1.2.3', ['127.0.0.1', '198.51.100.7 ,192.0.2.9,10.9.9.9'], '198.51.100.7'],
    ['10.1.2.3', ['10.0.0.1'], '10.0.0.1'],
    // These peers are the client, or nobody knows it.
    ['198.51.100.7', ['10.0.0.1'], undefined],
    ['192.0.2.8', ['203.0.113.1'], undefined],
    [undefined, ['203.0.113.1'], undefined],
    ['10.1.2.3', [], undefined],
    ['10.1.2.3', [''], undefined],
    ['10.1.2.3', ['198.51.100.7, unknown'], undefined],
    ['10.1.2.3', ['198.51.100.7:443'], undefined],
    ['10.1.2.3', ['198.51.100.7, "quoted", 10.1.1.1'], undefined],
    // Only the end of a long field counts.
    ['10.1.2.3', ['127.0.0.1,'.repeat(10_000), '198.51.100.7'], '198.51.100.7'],
    ['10.1.2.3', ['203.0.113.1', ...Array.from({ length: 64 }, () => '10.9.9.9')], '10.9.9.9'],
  ] as const) {
    it(`from ${peer} with ${JSON.stringify(forwardedFor)} is ${client}`, () => {
      assert.equal(clientOf(peer, ...forwardedFor), client);
    });
  }

  it('is that of the peer if no proxy is trusted', () => assert.equal(createClientAddress([]), undefined));

  it('is found in linear time', () => {
    for (const part of ['10.0.0.1,', ' ,', ',', 'x ']) {
      assertLinear(400_000, length => {
        const value = part.repeat(length / part.length);
        return () => clientOf('10.1.2.3', value);
      });
    }
  });
});
