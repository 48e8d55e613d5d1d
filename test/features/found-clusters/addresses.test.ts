import assert from 'node:assert/strict';
import net, { type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import {
  judgeAddresses,
  type ServerRules,
  serverProblem,
} from '../../../src/features/found-clusters/addresses.js';
import { wholeRegexpList } from '../../../src/guard/regexp-list.js';
import { parseServerAddress } from '../../../src/kubeconfig/server-address.js';
import { UpstreamError } from '../../../src/transport/upstream-error.js';
import { parsedValue } from '../../support/option-value.js';

function rules(hosts = '', ...listeners: (readonly [address: string, port: number])[]): ServerRules {
  return {
    hosts: parsedValue(wholeRegexpList, hosts),
    listeners: () =>
      listeners.map(
        ([address, port]): AddressInfo => ({
          ...{ address, port },
          family: net.isIPv6(address) ? 'IPv6' : 'IPv4',
        }),
      ),
  };
}

function serverOf(url: string) {
  const parsed = parseServerAddress(url, 'server');
  assert.ok('address' in parsed, url);
  return parsed.address;
}

const judge = judgeAddresses(serverOf('https://cluster.example:6443'), rules());
const isRefused = (address: string) => judge(address) !== undefined;

/** IPv4 addresses of which each is the first or last of a range, or next to one. */
const edges: readonly (readonly [address: string, refused: boolean])[] = [
  ['0.0.0.0', true],
  ['0.255.255.255', true],
  ['1.0.0.0', false],
  ['10.0.0.1', false],
  ['100.64.0.1', false],
  ['100.100.100.199', false],
  ['100.100.100.200', true],
  ['100.100.100.201', false],
  ['126.255.255.255', false],
  ['127.0.0.0', true],
  ['127.0.0.1', true],
  ['127.255.255.255', true],
  ['128.0.0.0', false],
  ['168.63.129.15', false],
  ['168.63.129.16', true],
  ['168.63.129.17', false],
  ['169.253.255.255', false],
  ['169.254.0.0', true],
  ['169.254.169.254', true],
  ['169.254.255.255', true],
  ['169.255.0.0', false],
  ['172.16.0.1', false],
  ['192.0.0.191', false],
  ['192.0.0.192', true],
  ['192.0.0.193', false],
  ['192.168.0.1', false],
  ['223.255.255.255', false],
  ['224.0.0.0', true],
  ['239.255.255.255', true],
  ['240.0.0.0', false],
];

function words(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

describe('an address of a found cluster', () => {
  it('is refused if it is loopback, link-local, multicast, unspecified, or a metadata service', () => {
    for (const [address, refused] of edges) assert.equal(isRefused(address), refused, address);
    for (const address of [
      ...['::', '0:0:0:0:0:0:0:0', '::1', '0000::0001', 'fe80::', 'fe80::1%eth0', 'febf:ffff::1', 'FE80::1'],
      ...['fd00:ec2::254', 'fd00:ec2:ffff:ffff::1', 'ff00::', 'ff02::1', 'ffff::1', 'not an address', ''],
    ])
      assert.ok(isRefused(address), address);
    for (const address of [
      ...['fec0::1', 'fe7f:ffff::1', 'fd00:ec1:ffff::1', 'fd00:ec3::', 'fd00::1', '2001:db8::1', 'feff::1'],
    ])
      assert.ok(!isRefused(address), address);
  });

  it('of IPv4 is judged also as IPv6 writes it, translates it, or carries it', () => {
    for (const [address, refused] of edges) {
      const hex = words(address);
      for (const written of [
        ...[`::ffff:${address}`, `::FFFF:${hex}`, `0:0:0:0:0:ffff:${hex}`, `::ffff:${address}%lo`],
        ...[`::${address}`, `::${hex}`, `64:ff9b::${address}`, `64:ff9b:0:0:0:0:${hex}`],
        ...[`2002:${hex}::`, `2002:${hex}:1:2:3:4:5`],
      ])
        assert.equal(isRefused(written), refused, written);
    }
  });

  it('is refused with a 502 that names it, and its server without the path', () => {
    const error = judgeAddresses(serverOf('https://metadata:8443/secret'), rules())('169.254.169.254');
    assert.ok(error instanceof UpstreamError);
    assert.deepEqual(
      [error.code, error.reason, error.message],
      [
        502,
        'address',
        'the API server at metadata:8443 cannot be used: its address 169.254.169.254 is refused for a cluster that was found',
      ],
    );
  });

  it('is refused if this process listens there, whoever may have it otherwise', () => {
    const own = Object.values(networkInterfaces()).flatMap(all => all ?? []);
    const [mine] = own.filter(({ family, internal }) => family === 'IPv4' && !internal);
    const outside = mine?.address ?? '127.0.0.1';
    const at = (listeners: ServerRules, address: string, port = 8001) =>
      judgeAddresses(
        serverOf(`https://[${net.isIPv6(address) ? address : `::ffff:${address}`}]:${port}`),
        listeners,
      )(address) !== undefined;
    const one = rules('', ['10.1.2.3', 8001], ['fd00::7', 9001]);
    assert.ok(at(one, '10.1.2.3'));
    assert.ok(at(one, '::ffff:10.1.2.3'));
    assert.ok(at(one, '64:ff9b::10.1.2.3'));
    assert.ok(at(one, 'fd00:0::7', 9001));
    assert.ok(!at(one, '10.1.2.3', 8002));
    assert.ok(!at(one, '10.1.2.4'));
    assert.ok(!at(one, 'fd00::7'));
    for (const every of ['0.0.0.0', '::']) {
      assert.ok(at(rules('', [every, 8001]), outside), every);
      assert.ok(!at(rules('', [every, 8001]), outside, 8002) || outside === '127.0.0.1', every);
      assert.ok(!at(rules('', [every, 8001]), '10.255.254.253'), every);
    }
  });

  it('that is loopback is allowed only as the host of the URL, where an expression matches it, and never where this process listens', () => {
    const allowing = rules('127\\.0\\.0\\.1,\\[::1\\],evil\\.example', ['127.0.0.1', 8001]);
    const at = (url: string, address: string) =>
      judgeAddresses(serverOf(url), allowing)(address) === undefined;
    assert.ok(at('https://127.0.0.1:6443', '127.0.0.1'));
    assert.ok(at('https://0x7f.1:6443', '127.0.0.1'), 'the URL parser reads other spellings');
    assert.ok(at('https://[::1]:6443', '::1'));
    assert.ok(!at('https://127.0.0.1:8001', '127.0.0.1'));
    assert.ok(!at('https://127.0.0.2:6443', '127.0.0.2'));
    assert.ok(!at('https://evil.example:6443', '127.0.0.1'));
    assert.ok(!at('https://[::ffff:127.0.0.1]:6443', '::ffff:7f00:1'));
    for (const url of [
      'https://169.254.127.1',
      'https://[fe80::1]',
      'https://[::ffff:127.0.0.1]',
      'https://0.0.0.0',
    ]) {
      const server = serverOf(url);
      assert.notEqual(judgeAddresses(server, rules('.*'))(server.hostname), undefined, url);
    }
  });
});

describe('the server of a found cluster', () => {
  it('may have any host, or one that an expression matches as a whole', () => {
    assert.equal(serverProblem(serverOf('https://any.example'), rules()), undefined);
    const some = rules('.*\\.example\\.com,10\\.0\\.0\\.1,\\[fd00::1\\]');
    for (const url of [
      'https://a.example.com',
      'https://A.Example.com:1/p',
      'https://10.0.0.1',
      'https://167772161',
    ]) {
      assert.equal(serverProblem(serverOf(url), some), undefined, url);
    }
    assert.equal(serverProblem(serverOf('https://[fd00:0:0::1]:6443'), some), undefined);
    for (const url of [
      'https://a.example.com.evil',
      'https://110.0.0.1',
      'https://10.0.0.1.evil',
      'https://x',
    ]) {
      assert.match(
        serverProblem(serverOf(url), some) ?? '',
        /^the host of its server, ".*", is not one of --cl/,
      );
    }
  });

  it('has an address however its URL spells it, or it is no URL', () => {
    const literals = [
      '2130706433',
      '0x7f000001',
      '0177.0.0.1',
      '127.1',
      '0x7f.0.0.0x1',
      '①②⑦.0.0.1',
      '127.0.0.1.',
    ];
    for (const host of literals) assert.ok(isRefused(serverOf(`https://${host}`).hostname), host);
    for (const host of [
      '[::ffff:7f00:1]',
      '[::127.0.0.1]',
      '[0:0:0:0:0:0:0:1]',
      '[64:ff9b::7f00:1]',
      '0',
      '0x0',
    ])
      assert.ok(isRefused(serverOf(`https://${host}`).hostname), host);
    for (const host of ['[fe80::1%25eth0]', '[fe80::1%eth0]', '256.256.256.256', '127.0.0.1.1', '%00'])
      assert.ok('problem' in parseServerAddress(`https://${host}`, 'server'), host);
  });
});
