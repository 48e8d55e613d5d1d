import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { textOf } from '../../support/documents/texts.js';
import { verdictOf } from './conditions.js';
import { readFile, testFiles } from './read-file.js';
import { fileOf } from './wrong-files.js';

/** The first example of YAML in a document that names a webhook. */
function exampleOf(path: string): object & { readonly authorization?: { readonly config: object } } {
  const [, text = ''] =
    /^```yaml\n((?:(?!^```)[^\n]*\n)*?[^\n]*Webhook\n(?:(?!^```)[^\n]*\n)*)^```$/m.exec(textOf(path)) ?? [];
  return parse(text);
}

/** The webhooks of a file that a document shows. Its kubeconfigs are in the folder of the chart. */
async function webhooksOf(t: Parameters<typeof readFile>[0], content: object) {
  const text = JSON.stringify(content).replaceAll(
    /\/etc\/kube-api-proxy\/webhooks\/\w+\.yaml/g,
    'KUBECONFIG',
  );
  assert.match(text, /KUBECONFIG/);
  const found = await readFile(t, testFiles('http://127.0.0.1:1').replaced(text));
  if ('problems' in found) assert.fail(found.problems.join());
  return found.webhooks;
}

test('the file that the reference shows can be used', async t => {
  const [webhook] = await webhooksOf(t, exampleOf('deploy/reference/authorization-webhooks.md'));
  const verdicts = (spec: object) =>
    webhook?.matchConditions.map(condition => verdictOf(condition, spec)).join('');
  assert.equal(verdicts({ nonResourceAttributes: { path: '/metrics' } }), 'tt');
  assert.equal(verdicts({ groups: ['system:nodes'], resourceAttributes: { namespace: 'sandbox' } }), 'ff');
});

test('the policy that the tutorial shows is asked about the agent alone', async t => {
  const { authorization } = exampleOf('deploy/gateway/README.md');
  const content = { ...JSON.parse(fileOf([], false)), ...authorization?.config };
  const [webhook] = await webhooksOf(t, content);
  const verdict = (user: string) => verdictOf(webhook?.matchConditions[0], { user });
  assert.deepEqual(['system:serviceaccount:agents:helper', 'alice'].map(verdict), ['t', 'f']);
  assert.equal(webhook?.failurePolicy, 'Deny');
});
