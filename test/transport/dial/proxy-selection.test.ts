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

  for (const [title, server, environment, proxyUrl, expected] of [
    ['does not exist without variables', 'https://api', {}, undefined, undefined],
    ['comes from HTTPS_PROXY for https', 'https://api', both, undefined, 'secure'],
    ['comes from HTTP_PROXY for http', 'http://api', both, undefined, 'plain'],
    [
      'does not come from HTTP_PROXY for https',
      'https://api',
      { HTTP_PROXY: 'http://plain:1' },
      undefined,
      undefined,
    ],
    [
      'does not come from HTTPS_PROXY for http',
      'http://api',
      { HTTPS_PROXY: 'http://secure:1' },
      undefined,
      undefined,
    ],
    [
      'may come from a variable in lower case',
      'https://api',
      { https_proxy: 'http://lower:1' },
      undefined,
      'lower',
    ],
    [
      'may come from a variable in lower case for http',
      'http://api',
      { http_proxy: 'http://lower:1' },
      undefined,
      'lower',
    ],
    [
      'comes from the variable in upper case if both exist',
      'https://api',
      { ...both, https_proxy: 'http://lower:1' },
      undefined,
      'secure',
    ],
    [
      'does not come from an empty variable',
      'https://api',
      { HTTPS_PROXY: '', https_proxy: 'http://lower:1' },
      undefined,
      'lower',
    ],
    ['does not come from ALL_PROXY', 'https://api', { ALL_PROXY: 'http://all:1' }, undefined, undefined],
    ['needs no scheme', 'https://api', { HTTPS_PROXY: 'bare:3128' }, undefined, 'bare'],
    ['may have credentials without a scheme', 'https://api', { HTTPS_PROXY: 'u:p@bare' }, undefined, 'bare'],
    ['comes from the kubeconfig rather than the environment', 'https://api', both, 'socks5://own', 'own'],
    ['comes from the environment if proxy-url is empty', 'https://api', both, '', 'secure'],
    [
      'comes from the kubeconfig even if NO_PROXY excludes the server',
      'https://api',
      { NO_PROXY: '*' },
      'http://own',
      'own',
    ],
    ['comes from the kubeconfig even for localhost', 'https://localhost', {}, 'http://own', 'own'],
    [
      'is not used if NO_PROXY excludes the server',
      'https://api',
      { ...both, NO_PROXY: 'api' },
      undefined,
      undefined,
    ],
    [
      'is not used if no_proxy excludes the server',
      'https://api',
      { ...both, no_proxy: 'api' },
      undefined,
      undefined,
    ],
    [
      'depends on NO_PROXY rather than no_proxy',
      'https://api',
      { ...both, NO_PROXY: 'x', no_proxy: 'api' },
      undefined,
      'secure',
    ],
  ] as const) {
    it(title, () => assert.equal(chosen(server, environment, proxyUrl), expected));
  }

  it('is a problem if the kubeconfig names an invalid one', () => {
    assert.deepEqual(select('https://api', both, 'proxy:3128'), {
      problem: 'proxy-url is not a URL like http://proxy.example.com:3128',
    });
  });

  it('is a problem with the name of the invalid variable, unless NO_PROXY excludes the server', () => {
    const environment = { https_proxy: 'ftp://user:secret@proxy' };
    const selection = select('https://api', environment);
    assert.match('problem' in selection ? selection.problem : '', /^https_proxy has the scheme ftp:/);
    assert.deepEqual(select('https://api', { ...environment, NO_PROXY: 'api' }), { proxy: undefined });
  });

  it('does not come from HTTP_PROXY in a CGI program, where the client can set it', () => {
    for (const variable of ['HTTP_PROXY', 'http_proxy']) {
      const selection = select('http://api', { [variable]: 'http://evil:1', REQUEST_METHOD: 'GET' });
      assert.match('problem' in selection ? selection.problem : '', new RegExp(`^${variable} is not used`));
    }
    assert.equal(chosen('https://api', { ...both, REQUEST_METHOD: 'GET' }), 'secure');
    assert.equal(chosen('http://api', { REQUEST_METHOD: 'GET' }), undefined);
  });
});

describe('NO_PROXY', () => {
  for (const [server, noProxy, isExcluded] of [
    ['https://localhost', '', true],
    ['https://localhost:6443', '', true],
    ['https://127.0.0.1', '', true],
    ['https://127.9.9.9:6443', '', true],
    ['https://[::1]:6443', '', true],
    ['https://[::ffff:127.0.0.1]', '', true],
    ['https://localhost.example', '', false],
    ['https://api.localhost', '', false],
    ['https://128.0.0.1', '', false],
    ['https://example.com', '', false],
    ['https://example.com', '*', true],
    ['https://10.0.0.1', 'x, * ,y', true],
    ['https://example.com', '*.*', false],
    ['https://example.com', '*:443', false],
    ['https://example.com', 'example.com', true],
    ['https://example.com', ' EXAMPLE.com ', true],
    ['https://api.example.com', 'example.com', true],
    ['https://api.example.com', 'ample.com', false],
    ['https://badexample.com', 'example.com', false],
    ['https://example.com', '.example.com', false],
    ['https://api.example.com', '.example.com', true],
    ['https://example.com', '*.example.com', false],
    ['https://a.b.example.com', '*.example.com', true],
    ['https://api.example.com', 'a*.example.com', false],
    ['https://example.com', 'com', true],
    ['https://example.com', 'example.com:443', true],
    ['https://example.com:6443', 'example.com:443', false],
    ['https://api.example.com:6443', '.example.com:6443', true],
    ['https://api.example.com:6443', '*.example.com:6443', true],
    ['https://example.com:6443', 'example.com:', true],
    ['https://example.com', 'example.com:https', false],
    ['https://example.com', ':443', false],
    ['https://example.com', ',,, ,', false],
    ['https://example.com', 'other.com example.com', false],
    ['https://bücher.example', 'bücher.example', true],
    ['https://api.bücher.example', '.bücher.example:443', true],
    ['https://xn--bcher-kva.example', 'bücher.example', true],
    ['https://10.1.2.3', '10.1.2.3', true],
    ['https://10.1.2.3', '10.1.2.30', false],
    ['https://10.1.2.3:6443', '10.1.2.3:6443', true],
    ['https://10.1.2.3:6443', '10.1.2.3:443', false],
    ['https://10.1.2.3', '::ffff:10.1.2.3', true],
    ['https://[::ffff:10.1.2.3]', '10.1.2.3', true],
    ['https://10.1.2.3', '10.0.0.0/8', true],
    ['https://10.1.2.3', '10.9.9.9/8', true],
    ['https://11.1.2.3', '10.0.0.0/8', false],
    ['https://10.1.2.3', '10.1.2.2/31', true],
    ['https://10.1.2.3', '10.1.2.3/32', true],
    ['https://10.1.2.3', '0.0.0.0/0', true],
    ['https://10.1.2.3', '::/0', false],
    ['https://10.1.2.3', '::ffff:10.0.0.0/104', true],
    ['https://[fd00::1]', '0.0.0.0/0', false],
    ['https://10.1.2.3', '10.0.0.0/33', false],
    ['https://10.1.2.3', '10.0.0.0/8:443', false],
    ['https://10.1.2.3', '10.0.0.0/', false],
    ['https://10.example.com', '10.0.0.0/8', false],
    ['https://[fd00::1]', 'fd00::1', true],
    ['https://[fd00::1]', 'FD00:0:0::1', true],
    ['https://[fd00::1]', 'fd00::/8', true],
    ['https://[fe00::1]', 'fd00::/8', false],
    ['https://[fd00::1]:6443', '[fd00::1]:6443', true],
    ['https://[fd00::1]:6443', '[fd00::1]:443', false],
    ['https://[fd00::1]', '[fd00::1]', false],
    ['https://[fd00::1]', 'fd00::1%eth0', false],
    ['https://10.1.2.3', '2.3', true],
  ] as const) {
    it(`${JSON.stringify(noProxy)} ${isExcluded ? 'excludes' : 'does not exclude'} ${server} from the proxy`, () => {
      const environment = { HTTPS_PROXY: 'http://proxy', NO_PROXY: noProxy };
      assert.equal(chosen(server, environment), isExcluded ? undefined : 'proxy');
    });
  }
});
