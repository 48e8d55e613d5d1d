/** What hostile kubeconfigs are made with. */
export interface HostileParts {
  /** `host:port` of a server of the test, on a loopback address. */
  readonly server: string;
  /** Its authority as PEM. */
  readonly authority: string;
  /** A path where nothing is. A command that is run, or a file that is written, would make it. */
  readonly trap: string;
  /** A file with a token, which nobody may read. */
  readonly secretFile: string;
  /** A text that nothing may tell. */
  readonly canary: string;
}

/** Some hundred kubeconfigs that nobody may use, by what is wrong with them. */
export function hostileKubeconfigs(parts: HostileParts): ReadonlyMap<string, Uint8Array> {
  const all = new Map<string, Uint8Array>();
  const add = (what: string, content: string | Uint8Array) => {
    all.set(what, typeof content === 'string' ? Buffer.from(content) : content);
  };
  for (const [what, changes] of Object.entries(entries(parts))) add(what, kubeconfig(parts, changes));
  for (const url of addresses(parts)) add(`the server ${url}`, kubeconfig(parts, { server: url }));
  for (const [what, content] of Object.entries(documents(parts))) add(what, content);
  return all;
}

interface Changes {
  readonly server?: string;
  readonly cluster?: string;
  readonly user?: string;
  readonly context?: string;
  readonly more?: string;
}

/** A kubeconfig as Cluster API writes it. */
export function kubeconfig({ server, authority, canary }: HostileParts, changes: Changes = {}): string {
  const ca = Buffer.from(authority).toString('base64');
  return `apiVersion: v1
kind: Config
current-context: c
clusters:
- name: c
  cluster:
    server: ${JSON.stringify(changes.server ?? `https://${server}`)}
    certificate-authority-data: ${ca}
    ${changes.cluster ?? ''}
users:
- name: u
  user:
    ${changes.user ?? `token: ${canary}`}
contexts:
- name: c
  context: {${changes.context ?? 'cluster: c, user: u'}}
${changes.more ?? ''}`;
}

/** Wrong entries of a kubeconfig that is right otherwise. */
function entries({ trap, secretFile, canary, server }: HostileParts): Readonly<Record<string, Changes>> {
  const exec = (more: string) => ({
    user: `exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: ${more}}`,
  });
  const path = (field: string, file: string) => ({ user: `${field}: ${JSON.stringify(file)}` });
  return {
    'a program': exec(`touch, args: [${trap}]`),
    'a shell': exec(`sh, args: [-c, "touch ${trap}; id"]`),
    'a program with an environment': exec(
      `"true", env: [{name: LD_PRELOAD, value: ${trap}}, {name: PATH, value: /tmp}]`,
    ),
    'a program behind a merge key': { user: `<<: {exec: {command: touch, args: [${trap}]}}` },
    'a program behind an alias': {
      more: `x: &x {command: touch, args: [${trap}]}`,
      user: `token: ${canary}\n    exec: {command: touch}`,
    },
    'a program under an escaped key': { user: `"\\x65xec": {command: touch, args: [${trap}]}` },
    'a program as the second of two keys': {
      user: `exec: null\n    exec: {command: touch, args: [${trap}]}`,
    },
    'a program beside a token': { user: `token: ${canary}\n    exec: {command: touch, args: [${trap}]}` },
    'an empty program': { user: 'exec: {}' },
    'a way to sign in': { user: `auth-provider: {name: gcp, config: {cmd-path: touch, cmd-args: ${trap}}}` },
    'a way to sign in at an issuer': {
      user: `auth-provider: {name: oidc, config: {idp-issuer-url: "https://${server}", refresh-token: ${canary}}}`,
    },
    'a file of a token': path('tokenFile', secretFile),
    'the token of the gateway': path('tokenFile', '/var/run/secrets/kubernetes.io/serviceaccount/token'),
    'a token in /proc': path('tokenFile', '/proc/self/environ'),
    'a relative path': path('tokenFile', '../../../../../../etc/passwd'),
    'a home directory': path('tokenFile', '~/.kube/config'),
    'a file: URL of a token': path('tokenFile', `file://${secretFile}`),
    'a file of a certificate': { user: `client-certificate: ${secretFile}\n    client-key: ${secretFile}` },
    'a key in a file': { user: `client-certificate-data: QUJD\n    client-key: ${secretFile}` },
    'a device': path('client-certificate', '/dev/zero'),
    'a file of an authority': { cluster: `certificate-authority: ${secretFile}` },
    'a file of an authority in a pipe': { cluster: 'certificate-authority: /dev/stdin' },
    'a proxy': { cluster: `proxy-url: http://u:${canary}@${server}` },
    'a SOCKS proxy': { cluster: `proxy-url: socks5://${server}` },
    'a user to act as': { user: `token: ${canary}\n    as: system:admin` },
    'a group to act as': { user: `token: ${canary}\n    as: a\n    as-groups: [system:masters]` },
    'a uid to act as': { user: `token: ${canary}\n    as-uid: "0"` },
    'extra fields to act as': { user: `token: ${canary}\n    as-user-extra: {a: [b]}` },
    'a token that ends the line': { user: `token: "${canary}\\r\\nImpersonate-User: admin"` },
    'a token with a NUL': { user: `token: "${canary}\\0"` },
    'a token with an escape of a terminal': { user: `token: "\\e]0;${canary}\\a"` },
    'a token that is a list': { user: `token: [${canary}]` },
    'a token that is a map': { user: `token: {toString: ${canary}}` },
    'a token that is binary': { user: 'token: !!binary QUJD' },
    'a name of a password that ends the line': { user: `username: "a\\r\\nb"\n    password: ${canary}` },
    'a password beside a token': { user: `token: ${canary}\n    username: a\n    password: b` },
    'a certificate that is none': { user: 'client-certificate-data: QUJD\n    client-key-data: QUJD' },
    'a certificate without a key': {
      user: `client-certificate-data: ${Buffer.from(canary).toString('base64')}`,
    },
    'an authority that is none': { cluster: 'certificate-authority-data: QUJD' },
    'an authority that is no base64': { cluster: `certificate-authority-data: "file://${secretFile}"` },
    'an authority that ends within': { cluster: 'certificate-authority-data: LS0tLS1CRUdJTg==' },
    'a server name with a line break': { cluster: 'tls-server-name: "a\\r\\nb"' },
    'a server name that is a list': { cluster: 'tls-server-name: [a]' },
    'a switch that is a text': { cluster: 'insecure-skip-tls-verify: "yes, please"' },
    'no user': { context: 'cluster: c' },
    'no cluster': { context: 'user: u' },
    'a user that is not there': { context: 'cluster: c, user: __proto__' },
    'a cluster that is not there': { context: 'cluster: "c\\n\\e[2J\\u202e", user: u' },
    'two users of a name': { more: 'preferences: {}', user: 'exec: {}\n- {name: u, user: {token: a}}' },
    'a key of objects': { more: '__proto__: {current-context: x}\nconstructor: 1\nclusters: 1' },
    'a second context': { more: 'current-context: other' },
  };
}

/** Addresses that the gateway must not dial, and texts that no URL should be made of. */
function addresses({ server, canary, secretFile }: HostileParts): readonly string[] {
  const port = server.replace(/.*:/, '');
  const hosts = [
    ...['localhost', 'LOCALHOST.', 'ip6-localhost', '127.1', '2130706433', '0x7f000001', '0177.0.0.1'],
    ...['127.255.255.254', '0.0.0.0', '0', '[::1]', '[::]', '[::ffff:127.0.0.1]', '[::127.0.0.1]'],
    ...['[64:ff9b::7f00:1]', '[2002:7f00:1::]', '[fe80::1]', '[fd00:ec2::254]', '[ff02::1]', '224.0.0.1'],
    ...['169.254.169.254', '100.100.100.200', '１２７.0.0.1', 'ⓛocalhost', '%31%32%37.0.0.1'],
  ];
  return [
    ...hosts.map(host => `https://${host}:${port}`),
    ...[
      `http://${server}`,
      `//${server}`,
      `file://${secretFile}`,
      'file:///etc/passwd',
      'unix:///run/x.sock',
    ],
    ...[`https://u:${canary}@${server}`, `https:\\\\${server}`, `https://${server}\\@example.com`],
    ...[`https://10.0.0.1@${server}`, `https://${server}/?${canary}`, `https://${server}/#${canary}`],
    ...[
      'https://',
      'https://:443',
      'https://a b',
      'https://a\r\nHost: b',
      'https://[::1',
      'javascript:alert(1)',
    ],
    ...[`https://${server}/../..`, `https://${'a'.repeat(70)}.example`, `https://${'a.'.repeat(200)}example`],
    ...['https://10.0.0.1:0', 'https://10.0.0.1:99999', 'ftp://10.0.0.1', 'data:,x'],
  ];
}

/** Documents that are no kubeconfig, or cost much to read. */
function documents(parts: HostileParts): Readonly<Record<string, string | Uint8Array>> {
  const right = kubeconfig(parts);
  const bomb = Array.from({ length: 60 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]\n`);
  return {
    nothing: '',
    'one byte': '\0',
    'a text': parts.canary,
    'a JSON list': '[]',
    null: 'null',
    'another kind': right.replace('kind: Config', 'kind: Secret'),
    'a document that ends within': right.slice(0, right.length / 2),
    'two documents': `${right}\n---\n${right}`,
    'a bomb of aliases': `a0: &a0 [x]\n${bomb.join('')}${right}`,
    'a bomb of merge keys': `m0: &m0 {a: 1}\n${Array.from({ length: 60 }, (_, i) => `m${i + 1}: &m${i + 1}\n  <<: [*m${i}, *m${i}]\n`).join('')}${right}`,
    'an alias of itself': 'a: &a [*a]',
    'a hundred thousand anchors': Array.from({ length: 40_000 }, (_, i) => `&a${i} x`).join('\n'),
    'deep lists': '['.repeat(200_000),
    'deep maps': '{a: '.repeat(100_000),
    'deep blocks': Array.from({ length: 1_000 }, (_, i) => `${' '.repeat(i)}a:\n`).join(''),
    'a megabyte of one value': `${right}\nx: ${'a'.repeat(700_000)}`,
    'a megabyte of lines': `${right}${'\n'.repeat(700_000)}`,
    'a megabyte of contexts': `${right}\ncontexts:\n${'- {name: a}\n'.repeat(55_000)}`,
    'a megabyte of comments': `${'# comment\n'.repeat(70_000)}${right}`,
    'a megabyte of quotes': `${'"\\u0041'.repeat(100_000)}`,
    'a megabyte of tags': `${'! '.repeat(350_000)}`,
    'a key of lists': '? [[a]]\n: 1',
    'a function': `clusters: !!js/function "() => require('fs').writeFileSync('${parts.trap}', '')"`,
    'an object of Python': `!!python/object/apply:os.system ["touch ${parts.trap}"]`,
    'bytes that are no UTF-8': Buffer.concat([Buffer.from(right), Buffer.from([0x0a, 0xff, 0xfe, 0x3a])]),
    'UTF-16': Buffer.from(right, 'utf16le'),
    'characters that turn the line': '\u202e\u2066\u0000\u001b[2J\u0007: [',
    tabs: right.replaceAll('  ', '\t'),
  };
}
