import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { ApiRequest, isVisible } from '../../../../src/features/explorer/page/api/requests.js';
import { type Action, commandsFor, shellWord } from '../../../../src/features/explorer/page/text/commands.js';
import { recorded, resourceOf } from './recorded-index.js';

const pods = resourceOf('', 'pods');
const deployments = resourceOf('apps', 'deployments');
const target = { base: 'http://127.0.0.1:8001', hasToken: false, hasOwnAuthority: false };

/** The arguments that a program gets from this shell for the line. */
function argumentsOf(line: string | undefined, shell = 'sh'): string[] {
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

const evil = [
  "it's",
  "'; touch /tmp/owned; '",
  '$(id)`id`$HOME$' + '{HOME}',
  '"double" \\ back\\\\slash',
  '!history !! * ? [a-z] ~ # {a,b}',
  '-rf',
  '--server=http://evil.example',
  'ünï çode \u{1f600}',
  '',
  "''''",
  'a\\',
  '%s %d',
];

/** Characters that a terminal or a shell acts on when they are pasted, whatever quotes are around them, or that nobody sees. */
const hidden = [
  ...['\u0015\ntouch pwned\n', 'a\nb', 'a\rb', 'a\tb', '\u001b[201~', '\u0000', '\u0003', '\u007f', '\u009b'],
  ...['\u2028', '\u2029', '\u202e', '\u200b', '\u{e0041}', '\ud800'],
];

describe('a word of the shell', () => {
  it('is the text itself, with any characters that people see, in sh and in bash', () => {
    for (const shell of ['sh', 'bash']) {
      assert.deepEqual(argumentsOf(`curl ${evil.map(shellWord).join(' ')}`, shell), evil);
    }
  });
});

describe('the commands', () => {
  it('contain the same request, for a list with any selector', () => {
    for (const selector of evil) {
      const list = { resource: pods, namespace: 'team-0', labelSelector: selector, fieldSelector: selector };
      const request = ApiRequest.list('', recorded, list, { limit: '500' });
      const commands = commandsFor(request, { kind: 'list', ...list }, target);
      assert.equal(argumentsOf(commands.curl).at(-1), `http://127.0.0.1:8001${request.apiPath}`);
      const selectors = selector === '' ? [] : [`--selector=${selector}`, `--field-selector=${selector}`];
      assert.deepEqual(argumentsOf(commands.kubectl), [
        ...['--server', 'http://127.0.0.1:8001', 'get', 'pods', '--namespace=team-0'],
        ...selectors,
      ]);
      assert.deepEqual(fetched(commands.fetch).url, `http://127.0.0.1:8001${request.apiPath}`);
    }
  });

  it('pass any object name as an argument that is not a flag', () => {
    for (const name of evil.filter(text => text !== '' && !/[/%\\]/.test(text))) {
      const object = { resource: deployments, namespace: 'x', name };
      const commands = commandsFor(
        ApiRequest.object('', recorded, object),
        { kind: 'object', ...object },
        target,
      );
      assert.deepEqual(argumentsOf(commands.kubectl), [
        ...['--server', 'http://127.0.0.1:8001', 'get', `deployments.v1.apps/${name}`, '--namespace=x'],
        ...['-o', 'yaml'],
      ]);
    }
  });

  it('are not there if a part has a character that nobody sees; a URL has it encoded', () => {
    for (const text of hidden) {
      const pod = { resource: pods, namespace: 'x', name: 'y' };
      const log = ApiRequest.log('', recorded, pod, {});
      assert.equal(commandsFor(log, { kind: 'log', ...pod, container: text }, target).kubectl, undefined);
      assert.equal(commandsFor(log, { kind: 'object', ...pod, name: text }, target).kubectl, undefined);
      assert.equal(commandsFor(log, { kind: 'command', words: ['x', text] }, target).kubectl, undefined);
      const all = commandsFor(log, { kind: 'raw' }, { ...target, base: `http://x/${text}` });
      assert.deepEqual([all.curl, all.kubectl], [undefined, undefined]);
      // JavaScript has a visible spelling for some of them.
      assert.ok(isVisible(all.fetch ?? ''));
      if (text === '\ud800') continue;
      const list = { resource: pods, namespace: '', labelSelector: text };
      const listed = ApiRequest.list('', recorded, list);
      const { curl, kubectl, fetch } = commandsFor(listed, { kind: 'list', ...list }, target);
      assert.equal(kubectl, undefined);
      assert.equal(argumentsOf(curl).at(-1), `http://127.0.0.1:8001${listed.apiPath}`);
      assert.equal(fetched(fetch).url, `http://127.0.0.1:8001${listed.apiPath}`);
    }
  });

  it('take the token from a variable, and never contain it', () => {
    const list = { resource: pods, namespace: '' };
    const action: Action = { kind: 'list', ...list };
    const request = ApiRequest.list('/clusters/a%2Fb', recorded, list);
    const commands = commandsFor(request, action, { ...target, hasToken: true });
    assert.deepEqual(argumentsOf(commands.curl).slice(0, 2), ['-H', 'Authorization: Bearer secret']);
    assert.deepEqual(argumentsOf(commands.kubectl), [
      ...['--server', 'http://127.0.0.1:8001/clusters/a%2Fb', '--token', 'secret', 'get', 'pods'],
      ...['--all-namespaces'],
    ]);
    assert.equal(fetched(commands.fetch).options.headers['Authorization'], 'Bearer from a variable');
  });

  it("name the authority of the proxy's certificate if clients have to know it", () => {
    const list = { resource: pods, namespace: '' };
    const request = ApiRequest.list('', recorded, list);
    const commands = commandsFor(request, { kind: 'list', ...list }, { ...target, hasOwnAuthority: true });
    assert.deepEqual(argumentsOf(commands.curl).slice(0, 2), ['--cacert', 'ca.crt']);
    assert.deepEqual(argumentsOf(commands.kubectl).slice(2, 4), ['--certificate-authority', 'ca.crt']);
  });

  it('send a review with curl, kubectl and fetch', () => {
    const request = ApiRequest.review('', recorded, 'SelfSubjectRulesReview', { namespace: "it's $HOME" });
    const commands = commandsFor(request, { kind: 'raw' }, target);
    const sent = argumentsOf(commands.curl);
    assert.deepEqual(sent.slice(0, 2), ['-X', 'POST']);
    assert.equal(sent[sent.indexOf('-d') + 1], request.body);
    assert.equal(fetched(commands.fetch).options.body, request.body);
    assert.match(commands.kubectl ?? '', /^printf %s .* \| kubectl --server \S+ create --raw \S+ -f -$/);
  });

  it('follow a log and a watch', () => {
    const pod = { resource: pods, namespace: 'x', name: 'y' };
    const query = { container: 'c', follow: true, tailLines: 5 };
    const log = commandsFor(
      ApiRequest.log('', recorded, pod, query),
      { kind: 'log', ...pod, ...query },
      target,
    );
    assert.deepEqual(argumentsOf(log.kubectl).slice(2), [
      ...['logs', 'pod/y', '--namespace=x', '--container=c', '--follow', '--tail=5'],
    ]);
    const list = { resource: pods, namespace: '' };
    const watch = commandsFor(
      ApiRequest.watch('', recorded, list, '1', 'object'),
      { kind: 'watch', ...list },
      target,
    );
    assert.equal(argumentsOf(watch.curl)[0], '-N');
    assert.ok(argumentsOf(watch.kubectl).includes('--watch'));
  });
});

interface Call {
  readonly url: string;
  readonly options: { readonly headers: Record<string, string>; readonly body?: string };
}

/** The arguments of `fetch` in a line of JavaScript. */
function fetched(line = ''): Call {
  const expression = line.replace(/^const \w+ = /, '').replaceAll('await ', '');
  const run = new Function('fetch', 'token', `return ${expression}`) as (
    fetch: unknown,
    token: string,
  ) => unknown;
  let call: Call | undefined;
  run((url: string, options: Call['options']) => {
    call = { url, options };
    return { json: () => undefined };
  }, 'from a variable');
  assert.ok(call !== undefined, line);
  return call;
}
