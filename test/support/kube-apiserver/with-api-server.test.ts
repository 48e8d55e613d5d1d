import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { scriptArguments } from '../project.js';

/** Runs a command with an API server, on a machine that has none. */
function run(env: Readonly<Record<string, string>>) {
  const script = scriptArguments('support/kube-apiserver/with-api-server');
  return spawnSync(process.execPath, [...script, 'echo', 'it ran'], {
    encoding: 'utf8',
    env: { PATH: '/nonexistent', ...env },
  });
}

const missing =
  'there is no etcd and kube-apiserver in KUBEBUILDER_ASSETS or PATH (CONTRIBUTING.md says how to get them)\n';

test('without the programs of an API server its tests are skipped with one line, or fail if they are required', () => {
  for (const [env, status, word] of [
    [{}, 0, 'Skipped'],
    [{ KUBEBUILDER_ASSETS: '/nonexistent' }, 0, 'Skipped'],
    [{ REQUIRE_APISERVER: '1' }, 1, 'Failed'],
  ] as const) {
    const { status: code, stdout, stderr } = run(env);
    assert.deepEqual({ code, stdout, stderr }, { code: status, stdout: '', stderr: `${word}: ${missing}` });
  }
});
