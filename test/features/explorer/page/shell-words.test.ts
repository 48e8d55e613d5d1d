import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';
import { ApiRequest } from '../../../../src/features/explorer/page/api/requests.js';
import { commandsFor, shellWord } from '../../../../src/features/explorer/page/text/commands.js';
import { isInstalled } from '../../../support/installed.js';
import { evil } from './evil-words.js';
import { recorded, resourceOf } from './recorded-index.js';

/** The arguments that a program gets from this shell for the line. */
function argumentsOf(line: string | undefined, shell: string): string[] {
  const script = `curl() { printf '%s\\0' "$@"; }; kubectl() { printf '%s\\0' "$@"; }; TOKEN=secret; ${line}`;
  const { stdout, stderr } = spawnSync(shell, ['-c', script], {
    encoding: 'utf8',
    // A shell whose input is a socket reads its start-up file.
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] },
  });
  assert.equal(stderr, '');
  return stdout.split('\0').slice(0, -1);
}

it('a word of a command is the text itself, with any characters that people see, in sh, in bash, and in zsh where it is installed', () => {
  const list = { resource: resourceOf('', 'pods'), namespace: '' };
  const target = { base: 'http://127.0.0.1:8001', hasToken: true, hasOwnAuthority: false };
  const request = ApiRequest.list('', recorded, list);
  const { curl, kubectl } = commandsFor(request, { kind: 'list', ...list }, target);
  for (const shell of ['sh', 'bash', ...(isInstalled('zsh') ? ['zsh'] : [])]) {
    assert.deepEqual(argumentsOf(`curl ${evil.map(shellWord).join(' ')}`, shell), evil);
    assert.deepEqual(argumentsOf(curl, shell).slice(0, 2), ['-H', 'Authorization: Bearer secret']);
    assert.deepEqual(argumentsOf(kubectl, shell).slice(2), [
      ...['--token', 'secret', 'get', 'pods', '--all-namespaces'],
    ]);
  }
});
