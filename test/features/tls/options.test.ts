import assert from 'node:assert/strict';
import { it } from 'node:test';
import { urlForBrowser } from '../../../src/app/listen.js';
import { tls as feature } from '../../../src/features/tls/feature.js';
import { parseOptions } from '../../../src/options/parse.js';

const tls = ['--tls-cert-file=c', '--tls-private-key-file=k'];
const parse = (...argv: string[]) => parseOptions({ argv, env: {} });

it('TLS does not prevent unauthenticated access, because it does not authenticate clients', () => {
  assert.match(String(parse('--address=0.0.0.0', ...tls).problems), /can be reached from other machines/);
});

it('client certificates prevent it, and need TLS', () => {
  assert.deepEqual(parse('--address=0.0.0.0', ...tls, '--client-ca-file=ca').problems, []);
  const { problems } = parse('--address=0.0.0.0', '--client-ca-file=ca');
  assert.match(String(problems), /--client-ca-file needs --tls-cert-file/);
});

it('with TLS, the address for a browser begins with https', () => {
  assert.equal(urlForBrowser('127.0.0.1:8443', parse(...tls).options), 'https://127.0.0.1:8443');
});

it('a file without the other ones is a problem of the options, and nothing is made then', async () => {
  const unix = ['--unix-socket=/run/x', ...tls];
  for (const [argv, problem] of [
    [['--tls-cert-file=c'], '--tls-cert-file needs --tls-private-key-file'],
    [['--tls-private-key-file=k'], '--tls-private-key-file needs --tls-cert-file'],
    [unix, '--unix-socket and --tls-cert-file cannot be set at the same time: TLS needs a port'],
    [['--client-ca-file=ca'], /^--client-ca-file needs --tls-cert-file and/],
    [[], undefined],
  ] as const) {
    const { options, problems } = parse(...argv);
    assert.equal(problems.length, problem === undefined ? 0 : 1, argv.join());
    if (typeof problem === 'string') assert.deepEqual(problems, [problem]);
    else if (problem !== undefined) assert.match(problems[0] ?? '', problem);
    if (argv === unix) continue;
    const made = await feature.create(options, {} as never, {} as never);
    assert.deepEqual(made, problem === undefined ? undefined : { problems: [] }, argv.join());
  }
});
