import assert from 'node:assert/strict';
import { it } from 'node:test';
import { urlForBrowser } from '../../../src/app/listen.js';
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
