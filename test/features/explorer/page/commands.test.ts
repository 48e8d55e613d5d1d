import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiRequest, isVisible } from '../../../../src/features/explorer/page/api/requests.js';
import { commandsFor, withoutLimit } from '../../../../src/features/explorer/page/text/commands.js';
import { evil } from './evil-words.js';
import { recorded, resourceOf } from './recorded-index.js';

const pods = resourceOf('', 'pods');
const deployments = resourceOf('apps', 'deployments');
const target = { base: 'http://127.0.0.1:8001', hasToken: false, hasOwnAuthority: false };

/** The arguments that a shell would make of the line, with its quotes: `shell-words.test.ts` asks shells. */
function argumentsOf(line = ''): string[] {
  const [, ...words] = line.match(/(?:'[^']*'|"[^"]*"|\\.|[^\s'"\\])+/gs) ?? [];
  return words.map(word =>
    word.replace(
      /'([^']*)'|"([^"]*)"|\\(.)/gs,
      (_, plain?: string, double?: string, escaped?: string) =>
        plain ?? double?.replace('$TOKEN', 'secret') ?? escaped ?? '',
    ),
  );
}

/** Characters that a terminal or a shell acts on when they are pasted, whatever quotes are around them, or that nobody sees. */
const hidden = [
  ...['\u0015\ntouch pwned\n', 'a\nb', 'a\rb', 'a\tb', '\u001b[201~', '\u0000', '\u0003', '\u007f', '\u009b'],
  ...['\u2028', '\u2029', '\u202e', '\u200b', '\u{e0041}', '\ud800'],
];

describe('the commands', () => {
  it('leave out the limit of a first page, and nothing of a later one', () => {
    for (const [path, expected] of [
      ['/api/v1/pods?limit=500', '/api/v1/pods'],
      ['/api/v1/pods?labelSelector=limit%3D1&limit=500', '/api/v1/pods?labelSelector=limit%3D1'],
      ['/api/v1/pods?limit=500&includeObject=Object', '/api/v1/pods?includeObject=Object'],
      ['/api/v1/pods?limit=500&continue=abc', '/api/v1/pods?limit=500&continue=abc'],
      ['/api/v1/pods', '/api/v1/pods'],
    ] as const)
      assert.equal(withoutLimit(path), expected);
  });

  it('contain the same request for any selector, and pass any object name as an argument that is not a flag', () => {
    const kubectl = ['--server', 'http://127.0.0.1:8001', 'get'];
    for (const text of evil) {
      const list = { resource: pods, namespace: 'team-0', labelSelector: text, fieldSelector: text };
      const request = ApiRequest.list('', recorded, list, { limit: '500' });
      const commands = commandsFor(request, { kind: 'list', ...list }, target);
      // They read the whole list, where the page reads a part of it at a time.
      const url = `http://127.0.0.1:8001${request.apiPath.replace(/[?&]limit=500$/, '')}`;
      assert.equal(argumentsOf(commands.curl).at(-1), url);
      assert.equal(fetched(commands.fetch).url, url);
      const selectors = text === '' ? [] : [`--selector=${text}`, `--field-selector=${text}`];
      const expected = [...kubectl, 'pods', '--namespace=team-0', ...selectors];
      assert.deepEqual(argumentsOf(commands.kubectl), expected);
      if (text === '' || /[/%\\]/.test(text)) continue;
      const object = { resource: deployments, namespace: 'x', name: text };
      const one = ApiRequest.object('', recorded, object);
      assert.deepEqual(argumentsOf(commandsFor(one, { kind: 'object', ...object }, target).kubectl), [
        ...[...kubectl, `deployments.v1.apps/${text}`, '--namespace=x', '-o', 'yaml'],
      ]);
      const row = ApiRequest.object('', recorded, object, 'table');
      const words = argumentsOf(commandsFor(row, { kind: 'row', ...object }, target).kubectl);
      assert.deepEqual(words, [...kubectl, `deployments.v1.apps/${text}`, '--namespace=x']);
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

  it("take the token from a variable, never contain it, and name the authority of the proxy's certificate", () => {
    const list = { resource: pods, namespace: '' };
    const commandsAt = (cluster: string, more: object) =>
      commandsFor(
        ApiRequest.list(cluster, recorded, list),
        { kind: 'list', ...list },
        { ...target, ...more },
      );
    const withToken = commandsAt('/clusters/a%2Fb', { hasToken: true });
    assert.deepEqual(argumentsOf(withToken.curl).slice(0, 2), ['-H', 'Authorization: Bearer secret']);
    assert.deepEqual(argumentsOf(withToken.kubectl), [
      ...['--server', 'http://127.0.0.1:8001/clusters/a%2Fb', '--token', 'secret', 'get', 'pods'],
      ...['--all-namespaces'],
    ]);
    assert.equal(fetched(withToken.fetch).options.headers['Authorization'], 'Bearer from a variable');
    const withAuthority = commandsAt('', { hasOwnAuthority: true });
    assert.deepEqual(argumentsOf(withAuthority.curl).slice(0, 2), ['--cacert', 'ca.crt']);
    assert.deepEqual(argumentsOf(withAuthority.kubectl).slice(2, 4), ['--certificate-authority', 'ca.crt']);
  });

  it('are these', () => {
    const pod = { resource: pods, namespace: 'x', name: 'y' };
    const list = { resource: pods, namespace: '' };
    const nodes = { resource: resourceOf('', 'nodes'), namespace: '' };
    const query = { container: 'c', follow: true, previous: true, tailLines: 5 };
    const review = ApiRequest.review('', recorded, 'SelfSubjectRulesReview', { namespace: "it's $HOME" });
    const server = 'kubectl --server http://127.0.0.1:8001';
    const url = 'http://127.0.0.1:8001/api/v1';
    const { body = '' } = review;
    for (const [request, action, expected] of [
      [
        ApiRequest.log('', recorded, pod, query),
        { kind: 'log', ...pod, ...query },
        { kubectl: `${server} logs pod/y --namespace=x --container=c --follow --previous --tail=5` },
      ],
      [
        ApiRequest.log('', recorded, pod, {}),
        { kind: 'log', ...pod },
        {
          kubectl: `${server} logs pod/y --namespace=x`,
          curl: `curl ${url}/namespaces/x/pods/y/log`,
          fetch: `const response = await fetch('${url}/namespaces/x/pods/y/log')`,
        },
      ],
      [
        ApiRequest.watch('', recorded, list, '1', 'object'),
        { kind: 'watch', ...list },
        { kubectl: `${server} get pods --all-namespaces --watch --output-watch-events -o json` },
      ],
      [ApiRequest.list('', recorded, nodes), { kind: 'list', ...nodes }, { kubectl: `${server} get nodes` }],
      [
        ApiRequest.object('', recorded, pod),
        { kind: 'command', words: ['top', 'pod'] },
        {
          kubectl: `${server} top pod`,
          curl: `curl ${url}/namespaces/x/pods/y`,
          fetch: `const answer = await (await fetch('${url}/namespaces/x/pods/y')).json()`,
        },
      ],
      [
        ApiRequest.object('', recorded, pod),
        { kind: 'raw' },
        { kubectl: `${server} get --raw /api/v1/namespaces/x/pods/y` },
      ],
      [
        review,
        { kind: 'command', words: ['auth', 'can-i', 'list', 'pods'] },
        { kubectl: `${server} auth can-i list pods` },
      ],
      [
        review,
        { kind: 'raw' },
        {
          kubectl: `printf %s '${body.replace("'", "'\\''")}' | ${server} create --raw ${review.apiPath} -f -`,
          curl: `curl -X POST -H 'Content-Type: application/json' -d '${body.replace("'", "'\\''")}' http://127.0.0.1:8001${review.apiPath}`,
          fetch:
            `const answer = await (await fetch('http://127.0.0.1:8001${review.apiPath}', { method: 'POST', ` +
            `headers: { 'Content-Type': 'application/json' }, body: '${body.replace("'", "\\'")}' })).json()`,
        },
      ],
    ] as const) {
      const commands = commandsFor(request, action, target);
      assert.deepEqual({ ...commands, ...expected }, commands);
    }
    const table = ApiRequest.list('', recorded, list, { limit: '5' });
    const asTable = 'Accept: application/json;as=Table;g=meta.k8s.io;v=v1';
    const { curl, fetch } = commandsFor(table, { kind: 'list', ...list }, { ...target, hasToken: true });
    const headers = ['-H', 'Authorization: Bearer secret', '-H', asTable];
    assert.deepEqual(argumentsOf(curl).slice(0, 4), headers);
    assert.equal(fetched(fetch).options.headers['Accept'], asTable.slice(8));
    const watch = commandsFor(
      ApiRequest.watch('', recorded, list, '1', 'object'),
      { kind: 'watch', ...list },
      target,
    );
    assert.equal(argumentsOf(watch.curl)[0], '-N');
    assert.match(watch.fetch ?? '', /^const response = await fetch\('[^']*'.*\)$/);
  });
});

interface Call {
  readonly url: string;
  readonly options: { readonly headers: Record<string, string>; readonly body?: string };
  json(): Call;
}

/** The arguments of `fetch` in a line of JavaScript. */
function fetched(line = ''): Call {
  const expression = line.replace(/^const \w+ = /, '').replaceAll('await ', '');
  const fetch = (url: string, options: Call['options']): Call => {
    const call: Call = { url, options, json: () => call };
    return call;
  };
  return new Function('fetch', 'token', `return ${expression}`)(fetch, 'from a variable');
}
