import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ExecConfig, parseExecConfig } from '../../src/kubeconfig/exec-config.js';

const owner = { label: 'user "dev" in /home/dev/.kube/config', file: '/home/dev/.kube/config' };
const v1 = { apiVersion: 'client.authentication.k8s.io/v1', interactiveMode: 'Never' };

function parsed(exec: Record<string, unknown>): ExecConfig {
  const problems: string[] = [];
  const config = parseExecConfig({ ...v1, ...exec }, owner, problems);
  assert.deepEqual(problems, []);
  return config as ExecConfig;
}

function problemsOf(exec: Record<string, unknown>): string[] {
  const problems: string[] = [];
  parseExecConfig(exec, owner, problems);
  for (const problem of problems) assert.ok(problem.startsWith(`${owner.label}: `), problem);
  return problems.map(problem => problem.slice(owner.label.length + 2));
}

describe('the exec of a user', () => {
  it('is read with all its fields', () => {
    const exec = {
      command: 'aws',
      args: ['eks', 'get-token'],
      env: [{ name: 'AWS_PROFILE', value: 'dev' }, { name: 'EMPTY' }],
      installHint: 'Install it.',
      provideClusterInfo: true,
    };
    assert.deepEqual(parsed(exec), {
      apiVersion: 'client.authentication.k8s.io/v1',
      ...exec,
      env: [
        { name: 'AWS_PROFILE', value: 'dev' },
        { name: 'EMPTY', value: '' },
      ],
    });
  });

  it('needs only command, apiVersion and interactiveMode, and null counts as absent', () => {
    const least = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'aws',
      args: [],
      env: [],
      installHint: '',
      provideClusterInfo: false,
    };
    assert.deepEqual(parsed({ command: 'aws' }), least);
    const nulls = { args: null, env: null, installHint: null, provideClusterInfo: null };
    assert.deepEqual(parsed({ command: 'aws', ...nulls }), least);
  });

  it('may have the version v1beta1, where interactiveMode has a default', () => {
    const apiVersion = 'client.authentication.k8s.io/v1beta1';
    const config = parsed({ apiVersion, command: 'aws', interactiveMode: undefined });
    assert.equal(config.apiVersion, apiVersion);
  });

  it('may have no other version, and must not need a terminal', () => {
    for (const [exec, problem] of [
      [
        { interactiveMode: undefined },
        'exec.interactiveMode must be set with client.authentication.k8s.io/v1: Never or IfAvailable',
      ],
      [
        { interactiveMode: 'Always' },
        'exec.interactiveMode is Always, but a proxy has no terminal for the plugin: use Never or IfAvailable',
      ],
      [{ interactiveMode: 'always' }, 'exec.interactiveMode "always" is not Never, IfAvailable or Always'],
      [
        { apiVersion: 'client.authentication.k8s.io/v1alpha1' },
        'exec.apiVersion client.authentication.k8s.io/v1alpha1 is no longer supported: use client.authentication.k8s.io/v1 or client.authentication.k8s.io/v1beta1, after an update of the plugin',
      ],
      [
        { apiVersion: 'v1' },
        'exec.apiVersion "v1" is not known: use client.authentication.k8s.io/v1 or client.authentication.k8s.io/v1beta1',
      ],
    ] as const) {
      assert.deepEqual(problemsOf({ ...v1, command: 'aws', ...exec }), [problem]);
    }
  });

  it('is rejected with one line for each problem', () => {
    const exec = {
      args: ['get-token', 1],
      env: [
        { value: 'hush' },
        { name: 'A=B', value: 'hush' },
        'hush',
        { name: 'OK', value: 7 },
        { name: 'NUL', value: 'hush\0' },
      ],
      installHint: ['hush'],
      provideClusterInfo: 'hush',
    };
    const problems = problemsOf(exec);
    assert.deepEqual(problems, [
      'exec.command must be set to the plugin to run',
      'exec.apiVersion must be set: use client.authentication.k8s.io/v1 or client.authentication.k8s.io/v1beta1',
      ...['exec.args is not a list of strings', 'exec.env[0] has no valid name for a variable'],
      ...['exec.env[1] has no valid name for a variable', 'exec.env[2] has no valid name for a variable'],
      ...['exec.env[3].value is not a string', 'exec.env[4].value is not a string'],
      ...['exec.installHint is not a string', 'exec.provideClusterInfo is not true or false'],
    ]);
    assert.deepEqual(problemsOf({ ...v1, command: ['aws'], env: {} }), [
      'exec.command is not a string',
      'exec.env is not a list',
    ]);
  });
});
