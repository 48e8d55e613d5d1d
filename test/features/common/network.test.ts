import assert from 'node:assert/strict';
import { it } from 'node:test';
import { networkOf } from '../../../src/features/common/token-cache.js';

it('the network of an address is the IPv4 address itself, in either of its forms, and the /64 of an IPv6 address, wherever its zeros are left out', () => {
  assert.equal(networkOf('192.0.2.1'), '192.0.2.1');
  assert.equal(networkOf('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(networkOf(''), '', 'a Unix socket has none');
  for (const [one, other] of [
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::1'],
    ['2001:db8::1', '2001:db8::ffff:0:0:1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:ffff::'],
    ['2001:db8:0:0:1::', '2001:db8::2'],
    ['fe80::1%eth0', 'fe80::2'],
    ['fe80::1%eth0.5', 'fe80::2'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::'],
    ['::2:3:4:5:6:7:8', '0:2:3:4::'],
    ['0:0::5', '::1'],
    ['::1', '::2'],
  ] as const) {
    assert.equal(networkOf(one), networkOf(other), `${one} and ${other}`);
  }
  for (const [one, other] of [
    ['2001:db8:0:1::1', '2001:db8:0:2::1'],
    ['2001:db8::1:0:0:0:1', '2001:db8::1'],
    ['2001:db8::1', '2001:db9::1'],
    ['2001:db8:1::', '2001:db8::'],
    ['::1', '1::'],
    ['1:2:3:4::', '12:3:4:5::'],
  ] as const) {
    assert.notEqual(networkOf(one), networkOf(other), `${one} and ${other}`);
  }
});
