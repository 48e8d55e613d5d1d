import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { CommandProgram } from '../../../src/feature.js';
import { commandKubeconfig, contextsOf } from '../../../src/features/run/kubeconfig.js';

/** A program whose `/` is the first of these contexts, and whose kubeconfig has all of them. */
function programOf(
  contexts: Readonly<Record<string, string>>,
  names: readonly string[] = [],
  current = Object.keys(contexts)[0] ?? '',
) {
  const of = (name: string) => `/clusters/${encodeURIComponent(name)}`;
  const all = Object.entries(contexts).map(([name, namespace]) => ({ name, namespace }));
  const registry = { default: { name: current }, names: new Set(names), contexts: all };
  return { registry, apiPaths: { root: '', of } } as unknown as CommandProgram;
}

function writtenFor(program: CommandProgram, allContexts: boolean) {
  const contexts = contextsOf(program, allContexts);
  assert.ok('all' in contexts, JSON.stringify(contexts));
  return parse(commandKubeconfig(contexts, 'http://127.0.0.1:1/secret'), { version: '1.1' });
}

const cluster = (path: string) => ({
  server: `http://127.0.0.1:1/secret${path}`,
  'insecure-skip-tls-verify': true,
});

test('without --all-contexts a command gets the context of the proxy alone, with its name and namespace, and no user', () => {
  assert.deepEqual(writtenFor(programOf({ staging: 'shop', other: '' }), false), {
    ...{ apiVersion: 'v1', kind: 'Config', users: [], 'current-context': 'staging' },
    clusters: [{ name: 'staging', cluster: cluster('') }],
    contexts: [{ name: 'staging', context: { cluster: 'staging', namespace: 'shop' } }],
  });
});

test('an API server that flags name has a context too', () => {
  const { contexts, 'current-context': current } = writtenFor(programOf({}), false);
  assert.deepEqual(contexts, [{ name: 'kube-api-proxy', context: { cluster: 'kube-api-proxy' } }]);
  assert.equal(current, 'kube-api-proxy');
});

test('with --all-contexts a command gets each context that is served, by its own path, and the current one is that of the proxy', () => {
  const odd = 'arn:aws:eks/b "c"\u2028\ud800';
  const program = programOf({ dev: '', [odd]: 'yes', prod: '' }, ['dev', odd.toWellFormed()], 'dev');
  const written = writtenFor(program, true);
  assert.equal(written['current-context'], 'dev');
  assert.deepEqual(
    written.clusters.map(({ cluster: { server } }: { cluster: { server: string } }) => server),
    ['dev', odd.toWellFormed()].map(name => `http://127.0.0.1:1/secret/clusters/${encodeURIComponent(name)}`),
  );
  assert.equal(written.contexts[1].name, odd.toWellFormed());
});

test('the context of / has to be one that --contexts chooses, because / leads there', () => {
  const program = programOf({ prod: '', dev: '' }, ['dev']);
  assert.deepEqual(contextsOf(program, true), {
    problems: ['--contexts does not match "prod", the current context; choose another one with --context'],
  });
});
