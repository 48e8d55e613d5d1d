import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileMatchCondition } from '../../../src/features/authorization-webhooks/match-condition.js';
import { assertLinear } from '../../support/growth.js';
import { conditions, specs, unsupportedConditions, verdictOf, wrongConditions } from './conditions.js';
import { readFile, testFiles } from './read-file.js';
import { fileOf, unsupportedFiles, webhook, words, wrongFiles, yamlFileOf } from './wrong-files.js';

const { replaced } = testFiles('http://127.0.0.1:1');
const entry = { type: 'Webhook', name: 'a', webhook };
const condition = (expression: string) => ({
  matchConditionSubjectAccessReviewVersion: 'v1',
  matchConditions: [{ expression }],
});

// The API server agrees with the tables: apiserver/configuration.test.ts.
describe('the file of authorizers', () => {
  it('has the defaults of the API server, and what it says', async t => {
    const full = {
      ...{
        ...webhook,
        authorizedTTL: '1m30s',
        unauthorizedTTL: '500ms',
        timeout: '30s',
        failurePolicy: 'Deny',
      },
      ...{ cacheAuthorizedRequests: false, cacheUnauthorizedRequests: false },
      ...condition("request.user != 'root'"),
    };
    const text = fileOf([entry, { ...entry, name: 'b.example.com', webhook: full }], false);
    const found = await readFile(t, replaced(text));
    if ('problems' in found) assert.fail(found.problems.join());
    const told = found.webhooks.map(({ server, matchConditions, ...others }) => ({
      ...others,
      conditions: matchConditions.map(({ expression }) => expression),
      host: new URL(server.url).host,
    }));
    const host = '127.0.0.1:1';
    assert.deepEqual(told, [
      {
        ...{
          name: 'a',
          authorizedTtl: 300_000,
          unauthorizedTtl: 30_000,
          timeout: 3_000,
          host,
          conditions: [],
        },
        ...{ cacheAuthorized: true, cacheUnauthorized: true, failurePolicy: 'NoOpinion' },
      },
      {
        ...{ name: 'b.example.com', authorizedTtl: 90_000, unauthorizedTtl: 500, timeout: 30_000, host },
        ...{ cacheAuthorized: false, cacheUnauthorized: false, failurePolicy: 'Deny' },
        conditions: ["request.user != 'root'"],
      },
    ]);
  });

  it('is refused by the name of a field that only later API servers know', async t => {
    const later = { ...entry, webhook: { ...webhook, conditionsEndpointKubeConfigContext: 'conditions' } };
    const found = await readFile(t, replaced(fileOf([later], false)));
    assert.ok('problems' in found);
    assert.match(found.problems.join(), /conditionsEndpointKubeConfigContext/);
    assert.equal(found.problems.length, 1);
  });

  it('is read in v1beta1 too, and has no entries of null', async t => {
    const file = fileOf([entry], false, { apiVersion: 'apiserver.config.k8s.io/v1beta1' });
    assert.ok('webhooks' in (await readFile(t, replaced(file))));
    assert.ok('problems' in (await readFile(t, fileOf([], false))));
  });

  it('has the booleans of YAML 1.1, and no names that are one', async t => {
    for (const [word, value] of words) {
      const found = await readFile(t, replaced(yamlFileOf({ cacheAuthorized: word }, false)));
      assert.equal('webhooks' in found ? found.webhooks[0]?.cacheAuthorized : undefined, value, word);
    }
    const found = await readFile(t, replaced(yamlFileOf({ cacheAuthorized: 'no', type: 'on' }, false)));
    const [problem = ''] = 'problems' in found ? found.problems : [];
    assert.match(problem, /:11: authorizers\[0\]\.webhook\.connectionInfo\.type is not a string$/);
  });

  for (const [what, entries, more] of wrongFiles) {
    it(`cannot be used with ${what}`, async t => {
      const found = await readFile(t, replaced(fileOf(entries, false, more)));
      assert.ok('problems' in found && found.problems.length > 0);
      for (const problem of found.problems) {
        assert.match(problem, /^--authorization-config: \S+:1: (kind|apiVersion|nobody|authorizers)/);
        assert.doesNotMatch(problem, /--kubeconfig|--server/);
      }
    });
  }

  for (const [entries, problem] of unsupportedFiles) {
    it(`says by name what the gateway does not support: ${problem.source}`, async t => {
      const found = await readFile(t, replaced(fileOf(entries, false)));
      assert.ok('problems' in found);
      assert.deepEqual(
        [found.problems.length, problem.test(found.problems[0] ?? '')],
        [1, true],
        found.problems[0],
      );
    });
  }

  for (const expression of [...wrongConditions, ...unsupportedConditions]) {
    it(`cannot be used with the condition ${expression}`, async t => {
      const entries = [{ ...entry, webhook: { ...webhook, ...condition(expression) } }];
      const found = await readFile(t, replaced(fileOf(entries, false)));
      assert.ok('problems' in found && found.problems.length === 1);
      assert.match(
        found.problems[0] ?? '',
        /matchConditions\[0\]\.expression (is missing|cannot be used: ".)/,
      );
    });
  }

  it('has all its problems told together, each where it is', async t => {
    const broken = {
      ...{ subjectAccessReviewVersion: 'v2', timeout: '31s', failurePolicy: 'Allow' },
      connectionInfo: { type: 'URL' },
    };
    const entries = [
      { type: 'Webhook', webhook: { matchConditions: [{ expression: 'true' }] } },
      { ...entry, webhook: { ...broken, matchConditionSubjectAccessReviewVersion: 'v2' } },
      { type: 'Webhook', name: 'b' },
      { ...entry, name: 'b' },
      { ...entry, name: 'A' },
      ...[{}, { type: 'Hook' }],
    ];
    const found = await readFile(t, replaced(fileOf(entries, false)));
    assert.ok('problems' in found);
    assert.deepEqual(
      found.problems.map(problem => problem.replace(/^--authorization-config: \S+:1: authorizers/, '')),
      [
        '[0].name is no DNS name of lower-case letters, digits, - and .',
        ...['[0]', '[1]'].flatMap(entry => [
          `${entry}.webhook.subjectAccessReviewVersion is not v1`,
          `${entry}.webhook.matchConditionSubjectAccessReviewVersion is not v1`,
          `${entry}.webhook.failurePolicy is neither NoOpinion nor Deny`,
          `${entry}.webhook.connectionInfo has not the type KubeConfigFile`,
          `${entry}.webhook.timeout is not more than 0s, and at most 30s`,
        ]),
        ...['[2].webhook is missing', '[3].name is that of another entry'],
        '[4].name is no DNS name of lower-case letters, digits, - and .',
        ...['[5]', '[6]'].map(
          entry => `${entry}.type is not Webhook; the API server behind the gateway decides by itself`,
        ),
      ],
    );
  });
});

describe('a match condition', () => {
  for (const [verdicts, expression] of conditions) {
    it(`says what it says in the API server: ${expression}`, () => {
      const condition = compileMatchCondition(expression);
      assert.equal(specs.map(spec => verdictOf(condition, spec)).join(''), verdicts);
    });
  }

  it('sees a selector that is only written down, and no selector in an empty one', () => {
    const { matches } = compileMatchCondition(
      "request.resourceAttributes.fieldSelector.rawSelector == 'a=b' && !has(request.resourceAttributes.labelSelector) && request.groups == []",
    );
    const fieldSelector = { rawSelector: 'a=b', requirements: [{ key: 'a', operator: 'In' }] };
    for (const labelSelector of [{}, { requirements: [] }])
      assert.ok(matches({ resourceAttributes: { fieldSelector, labelSelector } }));
  });

  it('has an empty text for what a request does not say', () => {
    const fields = (of: string, names: string) => names.split(' ').map(name => `request${of}.${name}`);
    const [resource, other] = ['namespace verb group version resource subresource name', 'path verb'];
    for (const [texts, spec] of [
      [fields('.resourceAttributes', resource), { resourceAttributes: {} }],
      [fields('.nonResourceAttributes', other), { nonResourceAttributes: {} }],
      [fields('', 'user uid'), {}],
    ] as const)
      assert.ok(compileMatchCondition(`${texts.join(' + ')} == ''`).matches(spec), texts.join());
  });

  it('takes time in proportion to the size of the request', () => {
    const { matches } = compileMatchCondition(
      "request.groups.exists(g, g == 'x') || request.user.contains('xy')",
    );
    assertLinear(64 * 1024, length => {
      const groups = Array.from({ length: length / 64 }, (_, index) => `group-${index}`.padEnd(60, '-'));
      const user = 'x'.repeat(length);
      return () => matches({ user, groups });
    });
  });

  it('has no result if it takes too many steps, whatever is around', () => {
    const groups = Array.from({ length: 600 }, (_, index) => `${index}`);
    const nested = 'request.groups.all(a, request.groups.all(b, a + b != "x"))';
    for (const expression of [nested, `${nested} || true`]) {
      assert.throws(() => compileMatchCondition(expression).matches({ groups }), /too many steps/);
    }
  });
});
