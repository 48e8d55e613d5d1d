import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { RequestHead } from '../../src/http/request-head.js';
import { addressFor } from '../../src/server/addresses.js';

interface Asked {
  readonly host?: string;
  readonly socket?: object;
  readonly publicUrl?: string;
  readonly trustsHost?: boolean;
  readonly headers?: readonly string[];
}

function address({ host, socket, publicUrl = '', trustsHost = true, headers = [] }: Asked = {}) {
  const rawHeaders = [...headers, ...(host === undefined ? [] : ['Host', host])];
  const raw = { socket: socket ?? { localAddress: '192.0.2.1', localPort: 8001 } } as IncomingMessage;
  const head = new RequestHead({ method: 'GET', rawHeaders });
  return addressFor({ raw, head }, { publicUrl, disableFilter: !trustsHost });
}

const bound = 'http://192.0.2.1:8001';

describe('the address of the proxy for a caller', () => {
  it('has the host that the caller used', () => {
    for (const [host, expected] of [
      ['gw.example', 'gw.example'],
      ['gw.example:8080', 'gw.example:8080'],
      ['gw.example:', 'gw.example'],
      ['gw.example:08080', 'gw.example:8080'],
      ['GW_1.example.', 'GW_1.example.'],
      ['127.0.0.1:1', '127.0.0.1:1'],
      ['[::1]', '[::1]'],
      ['[2001:db8::1]:65535', '[2001:db8::1]:65535'],
    ] as const) {
      assert.equal(address({ host }), `http://${expected}`, host);
    }
  });

  it('is the address of the connection for a host that programs read differently, whichever rule accepted it', () => {
    for (const host of [
      ...['', ' ', 'gw x', 'gw, evil', 'gw\n- name: evil', 'gw\r\nx', 'gw\t', 'gw\u2028', 'gw\u00fc'],
      ...': :80 gw:0 gw:00000 gw:65536 gw:999999 gw:-1 gw:80:80 gw:8x a:b@c a@c gw/evil gw?x gw#x gw\\x'.split(
        ' ',
      ),
      ..."[::1 ::1 [:::] [::1]x [fe80::1%25eth0] [gw] [] [::1]:0 gw%00 %67w {gw} * &a !x $(id) <gw> | ' gw`".split(
        ' ',
      ),
      ...['"', 'gw"'],
      'x'.repeat(256),
      'x'.repeat(100_000),
    ]) {
      assert.equal(address({ host }), bound, JSON.stringify(host.slice(0, 50)));
    }
  });

  it('is the address of the connection if there is no Host or no rule checks it', () => {
    assert.equal(address(), bound);
    assert.equal(address({ host: 'gw.example', trustsHost: false }), bound);
  });

  it('has brackets for IPv6, none for IPv4 on an IPv6 listener, and https over TLS', () => {
    const at = (localAddress: string, more = {}) =>
      address({ socket: { localAddress, localPort: 8001, ...more } });
    assert.equal(at('::1'), 'http://[::1]:8001');
    assert.equal(at('::ffff:192.0.2.1'), bound);
    assert.equal(at('::1', { encrypted: true }), 'https://[::1]:8001');
    const socket = { localAddress: '::1', localPort: 1, encrypted: true };
    assert.equal(address({ host: 'gw.example', socket }), 'https://gw.example');
  });

  it('does not exist on a Unix socket, where a Host names no listener', () => {
    assert.equal(address({ host: 'localhost', socket: {} }), undefined);
    assert.equal(address({ socket: {}, publicUrl: 'https://gw.example' }), 'https://gw.example');
  });

  it('is --public-url if that is set, and never comes from a header of a reverse proxy', () => {
    assert.equal(address({ host: 'gw.example', publicUrl: 'https://x.example/k' }), 'https://x.example/k');
    const headers = ['X-Forwarded-Host', 'evil.example', 'Forwarded', 'host=evil.example;proto=https'];
    assert.equal(address({ headers, host: 'gw.example' }), 'http://gw.example');
    assert.equal(address({ headers, trustsHost: false }), bound);
  });
});
