import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseServerAddress } from '../../../src/kubeconfig/server-address.js';
import { selectProxy } from '../../../src/transport/dial/proxy-selection.js';
import type { ProxySelection } from '../../../src/transport/dial/proxy-url.js';

const name = 'proxy-url';

function select(server: string, environment: Record<string, string>, proxyUrl?: string): ProxySelection {
  const parsed = parseServerAddress(server, 'server');
  assert.ok('address' in parsed);
  return selectProxy(parsed.address, { name, environment, ...(proxyUrl === undefined ? {} : { proxyUrl }) });
}

/** The host name of the proxy; undefined if there is none. */
function chosen(server: string, environment: Record<string, string>, proxyUrl?: string): string | undefined {
  const selection = select(server, environment, proxyUrl);
  assert.ok('proxy' in selection, JSON.stringify(selection));
  return selection.proxy?.hostname;
}

describe('the proxy for a server', () => {
  const both = { HTTPS_PROXY: 'http://secure:1', HTTP_PROXY: 'http://plain:1' };

  const lower = 'http://lower:1';
  const https = 'https://api';
  const http = 'http://api';
  /** The host name of the proxy, the server, the environment, and proxy-url. */
  type Choice = readonly [string | undefined, string, Record<string, string>, string?];
  const choices: readonly Choice[] = [
    [undefined, https, {}],
    ['secure', https, both],
    ['plain', http, both],
    [undefined, https, { HTTP_PROXY: 'http://plain:1' }],
    [undefined, http, { HTTPS_PROXY: 'http://secure:1' }],
    ['lower', https, { https_proxy: lower }],
    ['lower', http, { http_proxy: lower }],
    ['secure', https, { ...both, https_proxy: lower }],
    ['lower', https, { HTTPS_PROXY: '', https_proxy: lower }],
    [undefined, https, { ALL_PROXY: 'http://all:1' }],
    ['bare', https, { HTTPS_PROXY: 'bare:3128' }],
    ['bare', https, { HTTPS_PROXY: 'u:p@bare' }],
    // The kubeconfig counts rather than the environment, even for a server that NO_PROXY or its name excludes.
    ['own', https, both, 'socks5://own'],
    ['secure', https, both, ''],
    ['own', https, { NO_PROXY: '*' }, 'http://own'],
    ['own', 'https://localhost', {}, 'http://own'],
    [undefined, https, { ...both, NO_PROXY: 'api' }],
    [undefined, https, { ...both, no_proxy: 'api' }],
    ['secure', https, { ...both, NO_PROXY: 'x', no_proxy: 'api' }],
  ];
  for (const [expected, server, environment, proxyUrl] of choices) {
    const by = JSON.stringify({ ...environment, ...(proxyUrl !== undefined && { 'proxy-url': proxyUrl }) });
    it(`${server} is ${expected ?? 'none'} by ${by}`, () =>
      assert.equal(chosen(server, environment, proxyUrl), expected));
  }

  it('is a problem if the kubeconfig or a variable names an invalid one, or HTTP_PROXY does in a CGI program, where the client can set it', () => {
    assert.deepEqual(select('https://api', both, 'proxy:3128'), {
      problem: 'proxy-url is not a URL like http://proxy.example.com:3128',
    });
    const environment = { https_proxy: 'ftp://user:secret@proxy' };
    const selection = select('https://api', environment);
    assert.match('problem' in selection ? selection.problem : '', /^https_proxy has the scheme ftp:/);
    assert.deepEqual(select('https://api', { ...environment, NO_PROXY: 'api' }), { proxy: undefined });
    for (const variable of ['HTTP_PROXY', 'http_proxy']) {
      const selection = select('http://api', { [variable]: 'http://evil:1', REQUEST_METHOD: 'GET' });
      assert.match('problem' in selection ? selection.problem : '', new RegExp(`^${variable} is not used`));
    }
    assert.equal(chosen('https://api', { ...both, REQUEST_METHOD: 'GET' }), 'secure');
    assert.equal(chosen('http://api', { REQUEST_METHOD: 'GET' }), undefined);
  });
});

describe('NO_PROXY', () => {
  /** For each server, the values that exclude it from the proxy, and others. */
  const servers: Readonly<
    Record<string, readonly [excluding: readonly string[], others: readonly string[]]>
  > = {
    'https://localhost': [[''], []],
    'https://localhost:6443': [[''], []],
    'https://127.0.0.1': [[''], []],
    'https://127.9.9.9:6443': [[''], []],
    'https://[::1]:6443': [[''], []],
    'https://[::ffff:127.0.0.1]': [[''], []],
    'https://localhost.example': [[], ['']],
    'https://api.localhost': [[], ['']],
    'https://128.0.0.1': [[], ['']],
    'https://example.com': [
      ['*', 'example.com', ' EXAMPLE.com ', 'com', 'example.com:443'],
      [
        ...['', '*.*', '*:443', '.example.com', '*.example.com', 'example.com:https', ':443'],
        ...[',,, ,', 'other.com example.com'],
      ],
    ],
    'https://10.0.0.1': [['x, * ,y'], []],
    'https://api.example.com': [
      ['example.com', '.example.com'],
      ['ample.com', 'a*.example.com'],
    ],
    'https://badexample.com': [[], ['example.com']],
    'https://a.b.example.com': [['*.example.com'], []],
    'https://example.com:6443': [['example.com:'], ['example.com:443']],
    'https://api.example.com:6443': [['.example.com:6443', '*.example.com:6443'], []],
    'https://bücher.example': [['bücher.example'], []],
    'https://api.bücher.example': [['.bücher.example:443'], []],
    'https://xn--bcher-kva.example': [['bücher.example'], []],
    'https://10.1.2.3': [
      [
        ...['10.1.2.3', '::ffff:10.1.2.3', '10.0.0.0/8', '10.9.9.9/8', '10.1.2.2/31'],
        ...['10.1.2.3/32', '0.0.0.0/0', '::ffff:10.0.0.0/104', '2.3'],
      ],
      ['10.1.2.30', '::/0', '10.0.0.0/33', '10.0.0.0/8:443', '10.0.0.0/'],
    ],
    'https://10.1.2.3:6443': [['10.1.2.3:6443'], ['10.1.2.3:443']],
    'https://[::ffff:10.1.2.3]': [['10.1.2.3'], []],
    'https://11.1.2.3': [[], ['10.0.0.0/8']],
    'https://[fd00::1]': [
      ['fd00::1', 'FD00:0:0::1', 'fd00::/8'],
      ['0.0.0.0/0', '[fd00::1]', 'fd00::1%eth0'],
    ],
    'https://10.example.com': [[], ['10.0.0.0/8']],
    'https://[fe00::1]': [[], ['fd00::/8']],
    'https://[fd00::1]:6443': [['[fd00::1]:6443'], ['[fd00::1]:443']],
  };
  for (const [server, lists] of Object.entries(servers)) {
    for (const [list, isExcluded] of [
      [lists[0], true],
      [lists[1], false],
    ] as const) {
      for (const noProxy of list) {
        it(`${JSON.stringify(noProxy)} ${isExcluded ? 'excludes' : 'does not exclude'} ${server} from the proxy`, () => {
          const environment = { HTTPS_PROXY: 'http://proxy', NO_PROXY: noProxy };
          assert.equal(chosen(server, environment), isExcluded ? undefined : 'proxy');
        });
      }
    }
  }
});
