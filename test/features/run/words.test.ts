import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ruleLines, startLine, verdictsOf } from '../../../src/features/run/words.js';

/** Rules that refuse what matches. */
const refusing = (pattern: RegExp, message = 'a rule refuses it') => ({
  rejectionOf: (method: string, target: string) =>
    pattern.test(`${method} ${target}`) ? message : undefined,
});

test('each kind of requests is asked about in the namespace of the context, by each method that does it', () => {
  const asked: string[] = [];
  verdictsOf({ rejectionOf: (method, target) => void asked.push(`${method} ${target}`) }, 'shop');
  for (const request of [
    ...['GET /api/v1/namespaces/shop/pods', 'GET /api/v1/namespaces/shop/secrets', 'GET /api/v1/nodes'],
    ...['POST', 'PUT', 'PATCH', 'DELETE'].map(method => `${method} /api/v1/namespaces/shop/configmaps/name`),
    ...['GET', 'POST'].map(method => `${method} /api/v1/namespaces/shop/pods/name/exec`),
    'GET /api/v1/namespaces/kube-system/pods',
  ])
    assert.ok(asked.includes(request), request);
});

test('a kind of which a rule refuses one method counts as refused', () => {
  const verdicts = verdictsOf(refusing(/^PATCH |^POST .*\/exec$/), 'default');
  const refused = verdicts.filter(({ refusal }) => refusal !== undefined).map(({ what }) => what);
  assert.deepEqual(refused, ['writes', 'exec']);
  assert.equal(startLine('context "a"', verdicts), 'context "a": refused are writes, exec');
  const lines = ruleLines(verdicts);
  assert.ok(lines.includes('reads: allowed'));
  assert.ok(lines.includes('exec: refused: a rule refuses it'));
});

test('the line of the start says so if nothing is refused, and which flag allows exec if kubectl’s default refuses it', () => {
  assert.equal(startLine('way', verdictsOf(refusing(/^$/), 'default')), 'way: nothing is refused');
  const byDefault = refusing(
    /exec|attach/,
    'refused by --reject-paths, by default; --reject-paths= allows it',
  );
  assert.equal(
    startLine('way', verdictsOf(byDefault, 'default')),
    'way: refused are exec, attach; --reject-paths= allows exec and attach',
  );
  const all = refusing(
    /exec|portforward/,
    'refused by --reject-paths, by default; --reject-paths= allows it',
  );
  assert.equal(startLine('way', verdictsOf(all, 'default')), 'way: refused are exec, port-forward');
});
