import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseOptions } from '../../src/options/parse.js';

type Env = Readonly<Record<string, string>>;

function problemsOf(env: Env): readonly string[] {
  return parseOptions({ argv: [], env }).problems;
}

/** The variables that the kubelet sets for a Service (pkg/kubelet/envvars): the first of its ports has the short names. */
function serviceVariables(
  service: string,
  address: string,
  ports: readonly [string, number, string?][],
): Env {
  const upper = (name: string) => name.toUpperCase().replaceAll('-', '_');
  const name = upper(service);
  const host = address.includes(':') ? `[${address}]` : address;
  const [[protocol, first]] = ports as [[string, number]];
  const env: Record<string, string> = {
    [`${name}_SERVICE_HOST`]: address,
    [`${name}_SERVICE_PORT`]: String(first),
    [`${name}_PORT`]: `${protocol}://${host}:${first}`,
  };
  for (const [proto, port, portName] of ports) {
    const link = `${name}_PORT_${port}_${proto.toUpperCase()}`;
    if (portName !== undefined) env[`${name}_SERVICE_PORT_${upper(portName)}`] = String(port);
    env[link] = `${proto}://${host}:${port}`;
    env[`${link}_PROTO`] = proto;
    env[`${link}_PORT`] = String(port);
    env[`${link}_ADDR`] = address;
  }
  return env;
}

describe('a variable of the environment', () => {
  it('of no flag is a problem without its value that suggests a similar one, and one of another program is ignored', () => {
    for (const [name, hint] of [
      ['READONLY', ' (did you mean KUBE_API_PROXY_READ_ONLY?)'],
      ['read_only', ' (did you mean KUBE_API_PROXY_READ_ONLY?)'],
      ['ACCEPT-HOSTS', ' (did you mean KUBE_API_PROXY_ACCEPT_HOSTS?)'],
      ['XYZZY', ''],
      ['', ''],
    ])
      assert.deepEqual(problemsOf({ [`KUBE_API_PROXY_${name}`]: 'hunter2' }), [
        `unknown variable: KUBE_API_PROXY_${name}${hint}`,
      ]);
    assert.deepEqual(
      problemsOf({ KUBE_API_PROXYREADONLY: '1', KUBE_API: '1', MY_KUBE_API_PROXY_X: '1' }),
      [],
    );
  });
});

describe('a variable that the kubelet sets for a Service', () => {
  for (const service of [
    ...['kube-api-proxy', 'kube-api-proxy-admin', 'kube-api-proxy-read-only', 'kube-api-proxy-port'],
    ...['kube-api-proxy-service', 'kube-api-proxy-2'],
  ]) {
    it(`called ${service} is neither a mistake nor a flag, whatever its ports and addresses are`, () => {
      for (const address of ['10.96.0.1', 'fd00::1']) {
        for (const ports of [
          [['tcp', 8001]],
          [
            ['tcp', 443, 'https'],
            ['tcp', 8002, 'admin'],
          ],
          [
            ['udp', 53, 'dns'],
            ['tcp', 53, 'dns-tcp'],
          ],
          [['sctp', 36412]],
        ] as [string, number, string?][][]) {
          const env = serviceVariables(service, address, ports);
          const { options, problems } = parseOptions({ argv: [], env });
          assert.deepEqual(problems, [], JSON.stringify(env));
          assert.deepEqual([options.port, options.adminPort], [8001, undefined]);
        }
      }
    });
  }

  it('leaves the flag of that name to the other sources', () => {
    const env = {
      ...serviceVariables('kube-api-proxy-admin', '10.96.0.1', [['tcp', 80]]),
      KUBE_API_PROXY_CONFIG: 'f',
    };
    const { options } = parseOptions({ argv: [], env, readFile: () => 'admin-port: 9002' });
    assert.equal(options.adminPort, 9002);
  });

  it('is recognised exactly, and similar names are mistakes', () => {
    for (const [name, value] of [
      ['KUBE_API_PROXY_PORT', 'http://10.0.0.1:80'],
      ['KUBE_API_PROXY_PORT_80', 'tcp://10.0.0.1:80'],
      ['KUBE_API_PROXY_PORT_80_HTTP', 'tcp://10.0.0.1:80'],
      ['KUBE_API_PROXY_PORT_80_TCP_PROTOCOL', 'tcp'],
      ['KUBE_API_PROXY_PORT_80_TCP_PORTS', '80'],
      ['KUBE_API_PROXY_PORT_80_TCP_ADDRESS', '10.0.0.1'],
      ['KUBE_API_PROXY_PORT_80_TCPX', 'tcp://10.0.0.1:80'],
      ['KUBE_API_PROXY_PORTS', 'tcp://10.0.0.1:80'],
      ['KUBE_API_PROXY_PORT', 'xtcp://10.0.0.1:80'],
      ['KUBE_API_PROXY_SERVICE_HOSTS', '10.0.0.1'],
      ['KUBE_API_PROXY_READONLY', 'tcp://10.0.0.1:80'],
    ] as const) {
      assert.equal(problemsOf({ [name]: value }).length, 1, `${name}=${value}`);
    }
  });
});
