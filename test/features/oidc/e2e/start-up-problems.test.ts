import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startUpProblems } from '../../../support/proxy/in-process.js';
import { runProgram } from '../../../support/proxy/proxy.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

test('an issuer without a client is reported alone, although there is no kubeconfig either', async () => {
  const env = { HOME: temporaryFolder() };
  const flag = '--oidc-issuer-url=https://issuer.example';
  const { code, stderr } = await runProgram([flag], env);
  assert.equal(code, 1);
  for (const lines of [await startUpProblems([flag], env), stderr.trimEnd().split('\n')]) {
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.ok(lines[0]?.includes('--oidc-client-id'), lines[0]);
  }
});
