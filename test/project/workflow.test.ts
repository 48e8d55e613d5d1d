import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { projectFile } from '../support/project.js';

interface Workflow {
  readonly permissions: unknown;
  readonly jobs: {
    readonly test: {
      readonly strategy: { readonly matrix: { readonly node: readonly number[] } };
      readonly env: Readonly<Record<string, number>>;
      readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
    };
  };
}

function read(file: string): string {
  return readFileSync(projectFile(file), 'utf8');
}

const workflow = parse(read('.github/workflows/ci.yaml')) as Workflow;
const { steps, env, strategy } = workflow.jobs.test;
const script = read('.ci/run');

test('the workflow runs every step of .ci/run, in its order', () => {
  const commands = [...script.matchAll(/^npm (?:ci|test|run).*$/gm)].map(([command]) => command);
  assert.ok(commands.length >= 6, commands.join());
  assert.deepEqual(
    steps.flatMap(({ run = '' }) => (/^npm .*$/.test(run) ? [run] : [])),
    commands,
  );
});

test('the workflow skips no test that .ci/run requires', () => {
  const required = new Set(script.match(/\bREQUIRE_\w+(?==1)/g));
  assert.ok(required.size >= 5);
  assert.deepEqual(new Set(Object.keys(env)), required);
});

test('the workflow installs the versions of clients that .ci/run installs', () => {
  const packages = /(?:@?[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+/g;
  const clients = script.match(/^names=\([^)]*\)/m)?.[0].match(packages) ?? [];
  assert.ok(clients.length >= 7, clients.join());
  assert.deepEqual(
    steps.flatMap(({ run = '' }) => run.match(packages) ?? []),
    clients,
  );
});

test('the workflow has the versions of Node.js that README names', () => {
  const [, versions = ''] = /^Tests run on Node\.js ([\d, and]+);/m.exec(read('README.md')) ?? [];
  assert.deepEqual(strategy.matrix.node, (versions.match(/\d+/g) ?? []).map(Number));
});

for (const file of ['ci', 'mutants'])
  test(`${file}.yaml may only read, and every action is pinned to a commit`, () => {
    const { permissions, jobs } = parse(read(`.github/workflows/${file}.yaml`)) as Workflow;
    assert.deepEqual(permissions, { contents: 'read' });
    for (const { uses } of jobs.test.steps)
      if (uses !== undefined) assert.match(uses, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
  });
