import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { flagName } from '../../src/lib/option.js';
import { parseOptions } from '../../src/options/parse.js';
import { type Options, optionKeys, optionTable } from '../../src/options/table.js';
import { temporaryFolder } from '../support/temporary-folder.js';

type Env = Record<string, string>;

function parse(argv: string[], env: Env = {}, file?: string): ReturnType<typeof parseOptions> {
  return parseOptions({ argv, env, ...(file === undefined ? {} : { readFile: () => file }) });
}

function optionsOf(argv: string[], env: Env = {}, file?: string): Options {
  const result = parse(argv, env, file);
  assert.deepEqual(result.problems, []);
  return result.options;
}

function problemsOf(argv: string[], env: Env = {}, file?: string): readonly string[] {
  return parse(argv, env, file).problems;
}

describe('the defaults', () => {
  it("of kubectl proxy's flags are kubectl's", () => {
    const defaults = {
      port: 8001,
      address: '127.0.0.1',
      unixSocket: '',
      apiPrefix: '/',
      www: '',
      wwwPrefix: '/static/',
      disableFilter: false,
      // 0 there, which Go's dialer takes for 15 s.
      keepalive: 15_000,
      appendServerPath: false,
      kubeconfig: '',
      context: '',
      cluster: '',
      user: '',
      server: '',
      token: '',
      username: '',
      password: '',
      clientCertificate: '',
      clientKey: '',
      certificateAuthority: '',
      insecureSkipTlsVerify: false,
      tlsServerName: '',
      proxyUrl: '',
      as: '',
      asGroup: [],
      asUid: '',
      asUserExtra: [],
      requestTimeout: 0,
      help: false,
    } satisfies Partial<Options>;
    const options = optionsOf([]);
    const own = Object.keys(defaults).map(key => [key, options[key as keyof Options]]);
    assert.deepEqual(Object.fromEntries(own), defaults);
    const { acceptHosts, acceptPaths, rejectPaths, rejectMethods } = options;
    assert.equal(acceptHosts.source, '^localhost$,^127\\.0\\.0\\.1$,^\\[::1\\]$');
    assert.equal(acceptPaths.source, '^.*');
    assert.equal(rejectPaths.source, '^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach');
    assert.equal(rejectMethods.source, '^$');
  });

  it('have the short letters of kubectl', () => {
    const letters = [...optionKeys].flatMap(([flag, key]) => {
      const { short } = optionTable[key] as { short?: string };
      return short === undefined ? [] : [`${short} ${flag}`];
    });
    assert.deepEqual(letters.sort(), [
      'P www-prefix',
      'h help',
      'p port',
      's server',
      'u unix-socket',
      'w www',
    ]);
  });
});

describe('the command line', () => {
  for (const argv of [['--port=9000'], ['--port', '9000'], ['-p', '9000'], ['-p9000'], ['-p=9000']]) {
    it(`reads a value from ${argv.join(' ')}`, () => assert.equal(optionsOf(argv).port, 9000));
  }

  it('uses the last of several values, even if it is similar to a flag, is empty, or has equals signs', () => {
    assert.equal(optionsOf(['--port=1', '-p', '2', '--port', '3']).port, 3);
    assert.equal(optionsOf(['--www', '--port']).www, '--port');
    assert.equal(optionsOf(['--keepalive', '-1s']).keepalive, 0);
    assert.equal(optionsOf(['--reject-paths=']).rejectPaths.source, '');
    assert.equal(optionsOf(['--token', '']).token, '');
    assert.equal(optionsOf(['--token=a=b=']).token, 'a=b=');
    assert.equal(optionsOf(['-w=a=b']).www, 'a=b');
  });

  it('never uses the next argument as the value of a switch', () => {
    assert.deepEqual(problemsOf(['--disable-filter', 'no']), [
      'argument 2, after --disable-filter, is not a flag',
    ]);
    assert.equal(optionsOf(['--disable-filter']).disableFilter, true);
    for (const text of ['false', '0', 'F'])
      assert.deepEqual(problemsOf(['--read-only', text]), [
        'argument 2, after --read-only, is not a flag (did you mean --read-only=false?)',
      ]);
    assert.deepEqual(problemsOf(['--read-only=true', 'false']), [
      'argument 2, after --read-only, is not a flag',
    ]);
    const later = ['--read-only', '--port=1', 'false'];
    assert.deepEqual(problemsOf(later), ['argument 3, after --port, is not a flag']);
  });

  it('accepts true after a switch, which kubectl ignores there, and nowhere else', () => {
    for (const text of ['true', 'TRUE', 't', '1']) {
      const { disableFilter, port } = optionsOf(['--disable-filter', text, '--port=3']);
      assert.deepEqual([disableFilter, port], [true, 3]);
    }
    for (const before of [['--disable-filter=false'], ['--disable-filter', 'true'], ['--port=1'], ['--']])
      assert.equal(problemsOf([...before, 'true']).length, 1, before.join(' '));
  });

  it('has no arguments except flags, even after --', () => {
    assert.deepEqual(problemsOf(['secret']), ['argument 1 is not a flag']);
    assert.deepEqual(problemsOf(['proxy', '--port=1']), [
      'unexpected argument "proxy": leave it out, this program is the proxy',
    ]);
    assert.deepEqual(problemsOf(['--port=1', 'proxy']), ['argument 2, after --port, is not a flag']);
    assert.deepEqual(problemsOf(['--', '--port=1', '-p2']), [
      'argument 2, after --, is not a flag',
      'argument 3, after --, is not a flag',
    ]);
  });

  it('names an unknown flag and a similar one, and accepts no abbreviation, negation, underscore or property of every object', () => {
    assert.deepEqual(problemsOf(['--prot=1']), ['unknown flag: --prot (did you mean --port?)']);
    assert.deepEqual(problemsOf(['--accept_hosts=x']), [
      'unknown flag: --accept_hosts (did you mean --accept-hosts?)',
    ]);
    assert.deepEqual(problemsOf(['--zzzzzz']), ['unknown flag: --zzzzzz']);
    assert.equal(problemsOf(['--insecure']).length, 1);
    assert.equal(problemsOf(['--no-disable-filter']).length, 1);
    assert.deepEqual(problemsOf(['--constructor', '--__proto__=x']), [
      'unknown flag: --constructor',
      'unknown flag: --__proto__',
    ]);
  });

  it('does not show an argument where none belongs, or the text after an unknown flag, which may be a password', () => {
    for (const argv of [
      ['--token', 'one', 'hunter2'],
      ['--token=one', 'hunter2'],
      ['hunter2', '--token=one'],
      ['--token', 'one', '--', 'hunter2'],
      ['--token', 'one', '--disable-filter', 'hunter2'],
      ['--token=one', '-Xhunter2'],
      ['--token=one', '-Xphunter2'],
      ['--pasword', 'one', 'hunter2'],
      ['--pasword', 'hunter2'],
      ['--pasword=hunter2'],
      ['--v', '6', 'hunter2'],
    ]) {
      const problems = problemsOf(argv);
      assert.ok(problems.length > 0, argv.join(' '));
      assert.doesNotMatch(problems.join('\n'), /hunter2/, argv.join(' '));
    }
  });

  it('names an unknown letter once, and nothing that follows it, and a missing value', () => {
    assert.deepEqual(problemsOf(['-x8001']), ["unknown shorthand flag: 'x'"]);
    assert.deepEqual(problemsOf(['-token=a']), ["unknown shorthand flag: 't' (did you mean --token?)"]);
    assert.deepEqual(problemsOf(['--port']), ['flag needs an argument: --port']);
    assert.deepEqual(problemsOf(['-p']), ['flag needs an argument: -p']);
  });
});

describe('a value', () => {
  it('of --request-timeout may be seconds without a unit, as in client-go, and no time may be negative', () => {
    assert.deepEqual(problemsOf(['--shutdown-grace=-1s', '--request-timeout=-5']), [
      '--shutdown-grace: "-1s" is negative',
      '--request-timeout: "-5" is negative',
    ]);
    assert.equal(optionsOf(['--request-timeout=30']).requestTimeout, 30_000);
    assert.equal(optionsOf(['--request-timeout=1m']).requestTimeout, 60_000);
    assert.equal(problemsOf(['--request-timeout=soon']).length, 1);
  });

  it('of --keepalive means the same as in Go: 0 is 15 s, negative is off', () => {
    assert.equal(optionsOf(['--keepalive=0s']).keepalive, 15_000);
    assert.equal(optionsOf(['--keepalive=1m']).keepalive, 60_000);
    assert.equal(optionsOf(['--keepalive=-1s']).keepalive, 0);
    assert.equal(problemsOf(['--keepalive=5']).length, 1);
  });

  for (const [text, prefix] of [
    ['', '/'],
    ['/', '/'],
    ['k8s', '/k8s/'],
    ['/k8s', '/k8s/'],
    ['/a/b/', '/a/b/'],
  ] as const) {
    it(`${JSON.stringify(text)} of --api-prefix and --www-prefix is ${prefix}`, () => {
      assert.equal(optionsOf([`--api-prefix=${text}`]).apiPrefix, prefix);
      assert.equal(optionsOf(['-P', text]).wwwPrefix, prefix);
    });
  }

  it("of a prefix may not be under the proxy's own /-/", () => {
    assert.equal(problemsOf(['--api-prefix=/-/', '--www-prefix=-/x']).length, 2);
    assert.equal(optionsOf(['--api-prefix=/-x/']).apiPrefix, '/-x/');
  });

  it('of --trusted-proxies is a list of addresses and networks', () => {
    const networks = ['10.0.0.0/8', 'fd00::/8', '192.0.2.9', '::1/128', '10.0.0.0/1', '10.0.0.1/32'];
    assert.deepEqual(optionsOf([`--trusted-proxies=${networks.join(',,')}`]).trustedProxies, networks);
    const bad = ['0.0.0.0/0', '::/0', '10.0.0.0/33', '::1/129', '10.0.0.0/255.0.0.0', '10.0.0.0/'];
    for (const network of [...bad, 'loopback', 'host', 'fe80::1%lo/64', 'x/8', '10.0.0.0/8/8'])
      assert.deepEqual(problemsOf([`--trusted-proxies=192.0.2.9,${network}`]), [
        `--trusted-proxies: "${network}" is not a network (such as 10.0.0.0/8)`,
      ]);
  });
});

it('options together may not be a port with a Unix socket, as in kubectl, or one prefix for files and API', () => {
  assert.deepEqual(problemsOf(['-u', '/tmp/s', '-p', '9000']), [
    '--unix-socket and --port cannot be set at the same time',
  ]);
  assert.equal(optionsOf(['-u', '/tmp/s', '-p', '8001']).unixSocket, '/tmp/s');
  assert.deepEqual(problemsOf(['-w', '.', '-P', '/']), ['--www-prefix and --api-prefix are both "/"']);
  assert.equal(optionsOf(['-P', '/']).wwwPrefix, '/');
});

it('--all-contexts may not be set with a flag that describes one cluster or user, whose value is not shown, or with a prefix below /clusters/, and --contexts needs it', () => {
  const ofOne = [
    ...[
      'server=https://s3cret',
      'cluster=s3cret',
      'user=s3cret',
      'token=s3cret',
      'client-certificate=s3cret',
    ],
    ...['client-key=s3cret', 'certificate-authority=s3cret', 'tls-server-name=s3cret', 'username=s3cret'],
    'proxy-url=http://s3cret',
    ...['insecure-skip-tls-verify', 'password=s3cret', 'api-prefix=/clusters', 'api-prefix=/clusters/a/'],
    'www-prefix=/clusters/',
  ];
  for (const flag of ofOne) {
    const [problem = '', ...more] = problemsOf(['--all-contexts', '--www=.', `--${flag}`]);
    assert.match(problem, new RegExp(`^--${flag.replace(/=.*/, '')}\\b.* --all-contexts `));
    assert.doesNotMatch(problem, /s3cret/);
    assert.deepEqual(more, []);
  }
  optionsOf(['--all-contexts', '--context=a', '--as=jane', '--www-prefix=/clusters/']);
  assert.match(String(problemsOf(['--contexts=^a$'])), /^--contexts needs --all-contexts/);
});

it('a repeatable flag has one value per use, with its commas, or is a list in the configuration file, which a flag replaces', () => {
  assert.deepEqual(optionsOf(['--as-group=a', '--as-group', 'b,c']).asGroup, ['a', 'b,c']);
  const file = 'as-group: [a, "b,c"]';
  assert.deepEqual(optionsOf(['--config=f'], {}, file).asGroup, ['a', 'b,c']);
  assert.deepEqual(optionsOf(['--config=f', '--as-group=z'], {}, file).asGroup, ['z']);
  assert.deepEqual(optionsOf(['--config=f'], {}, 'as-group: [on, 010, No]').asGroup, ['on', '010', 'No']);
});

describe('the environment', () => {
  it('sets every flag but --help and --version', () => {
    // Valid values for options that do not accept every text, by option or by placeholder.
    const texts: Readonly<Record<string, string>> = {
      adminPort: '8002',
      publicUrl: 'https://gw.example',
      RESOURCES: 'secrets',
      'VERB/RESOURCE': 'list/namespaces',
      clustersFrom: 'cluster-api',
      corsAllowedOrigins: '//x$',
      DURATION: '1m',
      SIZE: '2Mi',
      trustedProxies: '192.0.2.0/24',
    };
    for (const [flag, key] of optionKeys) {
      const name = `KUBE_API_PROXY_${flag.toUpperCase().replaceAll('-', '_')}`;
      const { default: preset, type } = optionTable[key];
      const text =
        type.placeholder === undefined ? 'true' : preset || (texts[key] ?? texts[type.placeholder] ?? 'x');
      // Some of them alone are a problem that names another flag.
      const { [key]: value } = parseOptions({ argv: [], env: { [name]: text } }).options;
      if (key === 'help' || key === 'version') assert.equal(value, false);
      else if (type.placeholder === undefined) assert.equal(value, true, name);
      else if (key === 'adminPort') assert.equal(value, 8002);
      else if (preset === '') {
        const expected = parseOptions({ argv: [`--${flag}=${text}`], env: {} }).options[key];
        const sourceOf = (of: unknown) => (of instanceof Object && 'source' in of ? of.source : of);
        assert.deepEqual(sourceOf(value), sourceOf(expected), name);
        assert.notDeepEqual(sourceOf(value), sourceOf(optionsOf([])[key]), name);
      }
    }
  });

  it('has its variables named in problems, may set an empty value, and gives a repeatable flag one value per line', () => {
    assert.deepEqual(problemsOf([], { KUBE_API_PROXY_PORT: 'x', KUBE_API_PROXY_ACCEPT_HOSTS: '(' }), [
      'KUBE_API_PROXY_PORT: "x" is not a port (0 to 65535)',
      'KUBE_API_PROXY_ACCEPT_HOSTS: "(" is not a regular expression: missing closing ): `(`',
    ]);
    assert.deepEqual(optionsOf([], { KUBE_API_PROXY_AS_GROUP: 'a\nb, c' }).asGroup, ['a', 'b, c']);
    assert.equal(optionsOf([], { KUBE_API_PROXY_REJECT_PATHS: '' }).rejectPaths.source, '');
  });
});

describe('the configuration file', () => {
  const inFile = (text: string): readonly string[] => problemsOf(['--config=proxy.yaml'], {}, text);

  it('has texts as they are written, even if YAML takes them for booleans', () => {
    for (const user of ['on', 'True'])
      assert.equal(optionsOf(['--config=f'], {}, `user: ${user}`).user, user);
    assert.match(String(inFile('read-only: yes')), /"yes"/);
  });

  it('comes last: a flag takes precedence over the environment, and the environment over the file', () => {
    const text = 'port: 1\naddress: 127.0.0.1\nlog-level: warn\n';
    const env = { KUBE_API_PROXY_PORT: '2', KUBE_API_PROXY_ADDRESS: '127.0.0.2', KUBE_API_PROXY_CONFIG: 'f' };
    const { port, address, logLevel } = optionsOf(['-p', '3'], env, text);
    assert.deepEqual({ port, address, logLevel }, { port: 3, address: '127.0.0.2', logLevel: 'warn' });
  });

  it('may contain expressions as a list, numbers, switches, anchors, or nothing', () => {
    const text = "accept-hosts: ['^localhost$', '^gw\\.local$']\nreject-methods: []\n";
    const options = optionsOf(['--config=f'], {}, text);
    assert.equal(options.acceptHosts.source, '^localhost$,^gw\\.local$');
    assert.equal(options.rejectMethods.source, '');
    assert.equal(optionsOf(['--config=f'], {}, 'password: 00123').password, '00123');
    assert.equal(optionsOf(['--config=f'], {}, '').port, 8001);
    assert.equal(optionsOf(['--config=f'], {}, '# nothing\n').port, 8001);
    assert.equal(optionsOf(['--config=f'], {}, 'disable-filter: true').disableFilter, true);
    assert.equal(optionsOf(['--config=f'], {}, 'request-timeout: 10').requestTimeout, 10_000);
    assert.equal(optionsOf(['--config=f'], {}, 'www: &x abc\nuser: *x\n').user, 'abc');
  });

  it('is rejected with file and line for each mistake', () => {
    const text = [
      'prot: 1',
      'port: abc',
      'port: [1]',
      'context: {a: b}',
      'user:',
      'accept-hosts: [a, null]',
      "reject-paths: ['a,b']",
      'disable-filter: 7',
      'config: x',
      'help: true',
      'accept-paths: {a: b}',
      'server: [a]',
    ].join('\n');
    assert.deepEqual(inFile(text), [
      'proxy.yaml:1: unknown key: prot (did you mean port?)',
      'proxy.yaml:3: port: is set twice',
      'proxy.yaml:3: port: is not a single value',
      'proxy.yaml:4: context: is not a single value',
      'proxy.yaml:5: user: has no value',
      'proxy.yaml:6: accept-hosts: is not a string or a list of strings',
      'proxy.yaml:7: reject-paths: "a,b" has a comma, which separates items',
      'proxy.yaml:9: config can only be set with --config or KUBE_API_PROXY_CONFIG',
      'proxy.yaml:10: help can only be set with --help',
      'proxy.yaml:11: accept-paths: is not a string or a list of strings',
      'proxy.yaml:12: server: is not a single value',
      'proxy.yaml:2: port: "abc" is not a port (0 to 65535)',
      'proxy.yaml:8: disable-filter: "7" is not true or false',
    ]);
  });

  it('is rejected with file and line if it is not YAML or not a mapping', () => {
    assert.deepEqual(inFile('port: 1\nuser: [a\n'), [
      'proxy.yaml:3: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ]);
    assert.deepEqual(inFile('- port\n'), ['proxy.yaml:1: not a mapping from flag names to values']);
    assert.deepEqual(inFile('port: *nothing\n').length, 1);
  });

  it('never appears in a message with its secrets', () => {
    for (const text of [
      'password: |hunter2\n x',
      'token: "\\qhunter2"',
      'token: {hunter2: 1}',
      'token: [hunter2]',
    ]) {
      assert.doesNotMatch(inFile(text).join('\n'), /hunter2|\\q/);
    }
  });

  it('is read from the path in --config or KUBE_API_PROXY_CONFIG, and is a problem beside others if it is missing or a folder', () => {
    const folder = temporaryFolder();
    const file = join(folder, 'proxy.yaml');
    writeFileSync(file, 'port: 9000\n');
    assert.equal(optionsOf([`--config=${file}`]).port, 9000);
    assert.equal(optionsOf([], { KUBE_API_PROXY_CONFIG: file }).port, 9000);
    assert.deepEqual(problemsOf([`--config=${folder}/none.yaml`, '--port=x']), [
      `--config: ${folder}/none.yaml: no such file`,
      '--port: "x" is not a port (0 to 65535)',
    ]);
    assert.deepEqual(problemsOf([], { KUBE_API_PROXY_CONFIG: folder }), [
      `KUBE_API_PROXY_CONFIG: ${folder}: is a directory`,
    ]);
  });
});

it('--help and --version take precedence over every problem, and are off if their value is false', () => {
  assert.equal(optionsOf(['--prot', '--port=x', '-h']).help, true);
  assert.equal(optionsOf(['--version', '--config=/nowhere']).version, true);
  assert.equal(optionsOf(['--help', '--port=x']).port, 8001);
  assert.equal(optionsOf(['--help=false']).help, false);
});

it('the table of options has a description for every option', () => {
  for (const [flag, key] of optionKeys) {
    assert.match(optionTable[key].help, /^[A-Z].*\.$/, flag);
    assert.equal(flagName(key), flag);
  }
});
