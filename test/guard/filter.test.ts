import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFilterCheck } from '../../src/guard/filter.js';
import { type RegexpList, regexpList } from '../../src/guard/regexp-list.js';
import { Rejection } from '../../src/guard/rejection.js';
import { optionTable } from '../../src/options/table.js';
import { parseRequestTarget } from '../../src/request/request-path.js';
import { assertLinear } from '../support/growth.js';
import { parsedValue } from '../support/option-value.js';

interface Rules {
  readonly acceptPaths?: string;
  readonly rejectPaths?: string;
  readonly rejectMethods?: string;
  readonly serverPath?: string;
}

/** The rule that rejects a request, what the client is told, and what the log says besides. */
interface Verdict {
  readonly rule: string;
  readonly message: string;
  readonly logged: string | undefined;
}

const compile = (source: string): RegexpList => parsedValue(regexpList, source);

/** The rule that rejects the request, if any; the rules are the defaults unless others are passed. */
function judge(rules: Rules, method: string, raw: string): Verdict | undefined {
  const filter = createFilterCheck({
    acceptPaths: compile(rules.acceptPaths ?? optionTable.acceptPaths.default),
    rejectPaths: compile(rules.rejectPaths ?? optionTable.rejectPaths.default),
    rejectMethods: compile(rules.rejectMethods ?? optionTable.rejectMethods.default),
  });
  const target = parseRequestTarget(raw);
  assert.equal(target.ambiguity, undefined, raw);
  try {
    filter(method, target, rules.serverPath ?? '');
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Rejection);
    assert.equal(error.code, 403);
    const { reason: rule, message, cause } = error;
    return { rule, message, logged: cause instanceof Error ? cause.message : undefined };
  }
}

function refuses(rules: Rules, raw: string): void {
  assert.equal(judge(rules, 'GET', raw)?.rule, 'path', raw);
}

function passes(rules: Rules, raw: string): void {
  assert.equal(judge(rules, 'GET', raw), undefined, raw);
}

const pod = '/api/v1/namespaces/default/pods/web';

describe("the filter with kubectl's defaults", () => {
  it('rejects only exec and attach of a pod', () => {
    for (const command of ['exec', 'attach'])
      assert.deepEqual(judge({}, 'GET', `${pod}/${command}`), {
        rule: 'path',
        message: 'the path is refused by --reject-paths, by default; --reject-paths= allows exec and attach',
        logged: `"^/api/.*/pods/.*/${command}" matches "${pod}/${command}"`,
      });
    const message = judge({ rejectPaths: '/exec' }, 'GET', `${pod}/exec`)?.message;
    assert.equal(message, 'the path is refused by --reject-paths; change that list to allow it');
    for (const rest of ['', '/log', '/portforward', '/proxy/', '/proxy/index.html', '/status'])
      passes({}, pod + rest);
    for (const path of ['/', '/api', '/apis/apps/v1/deployments', '/version', '/openapi/v2'])
      passes({}, path);
  });

  it('rejects every other spelling of them', () => {
    for (const raw of [
      ...[`${pod}/%65xec`, `${pod}/%65%78%65%63`, `${pod}%2fexec`, `${pod}%5cexec`],
      ...[`${pod}%5Cexec%5c`, `${pod}/exec/`, `${pod}/exec//`, `${pod}//exec`, `${pod}/exec;x`],
      ...[`${pod}/exec%3bx`, `${pod}/exec%3fx`, `${pod}/exec%23`, `${pod}/exec%20`, `/${pod}/exec`],
      ...[`//${pod}/exec`, `/%2f${pod}/exec`, `/%5c${pod}/exec`],
      `%2f${pod}/exec`.replace(/^%2f/, '/'),
      '/api//v1/namespaces/default/pods/web/exec',
      '/api%2f%2fv1%2fnamespaces%2fdefault%2fpods%2fweb%2fexec',
      '/api%5cv1%5cnamespaces%5cdefault%5cpods%5cweb%5cexec',
      '/%61pi/v1/namespaces/default/pods/%ff%fe/exec',
      ...['/api/v1/namespaces/default/pods/%e2%80%a8/exec', '/api/v1/namespaces/default/pods/\xe9/exec'],
    ]) {
      refuses({}, raw);
      refuses({}, raw.replace(/e(?=xec)/, '%65'));
      refuses({}, `${raw}?command=id`);
    }
  });

  it('rejects them with every method, and accepts a similar text that the API server reads as something else', () => {
    passes({}, `${pod}/%2565xec`);
    passes({}, `${pod}/EXEC`);
    passes({}, `/version?path=${pod}/exec`);
    for (const method of ['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      assert.equal(judge({}, method, `${pod}/exec`)?.rule, 'path', method);
    }
  });
});

describe('the filter with rules of its own', () => {
  it('rejects a method of --reject-methods by its name, found anywhere in the text unless anchored', () => {
    const rules = { rejectMethods: '^DELETE$,P' };
    for (const method of ['DELETE', 'POST', 'PUT', 'PATCH', 'OPTIONS']) {
      assert.deepEqual(judge(rules, method, '/api')?.rule, 'method', method);
    }
    assert.equal(judge(rules, 'GET', '/api'), undefined);
    assert.match(judge(rules, 'DELETE', '/api')?.message ?? '', /DELETE.*--reject-methods/);
  });

  it('tells the log, and not the client, which expression of the list matches, and what it matches', () => {
    const rules = { rejectPaths: '^/apis,^/api/.*/secrets', rejectMethods: '^PUT$,^POST$' };
    const path = '/api/v1/namespaces/d/secrets';
    for (const [method, raw, logged] of [
      ['GET', path, `"^/api/.*/secrets" matches "${path}"`],
      ['GET', '/api/v1/namespaces/d/%73ecrets', `"^/api/.*/secrets" matches "${path}"`],
      ['POST', '/version', '"^POST$" matches "POST"'],
    ] as const) {
      const verdict = judge(rules, method, raw);
      assert.equal(verdict?.logged, logged);
      assert.doesNotMatch(verdict?.message ?? '', /\^/);
    }
    const behind = judge({ ...rules, serverPath: '/k8s' }, 'GET', '/k8s/api/v1/secrets');
    assert.equal(behind?.logged, '"^/api/.*/secrets" matches "/api/v1/secrets"');
  });

  it('rejects what is not in --accept-paths, in every spelling', () => {
    const rules = { acceptPaths: '^/version$,^/api/v1/namespaces/default/' };
    for (const raw of ['/version', '/%76ersion', '/api/v1/namespaces/default/pods?limit=1'])
      passes(rules, raw);
    for (const raw of ['/', '/versions', '/version/', '/version%2fx', '/api/v1/namespaces/kube-system/pods'])
      refuses(rules, raw);
    assert.match(judge(rules, 'GET', '/apis')?.message ?? '', /--accept-paths.*allow/);
  });

  it('rejects a path of several segments if --accept-paths allows one, however the slash is spelled', () => {
    const rules = { acceptPaths: '^/api/v1/namespaces/[^/]+$' };
    passes(rules, '/api/v1/namespaces/default');
    for (const slash of ['/', '//', '%2f', '%2F%2f', '%5c', '%5C', '%5c%5c']) {
      refuses(rules, `/api/v1/namespaces/default${slash}secrets`);
    }
  });

  it('applies a rule that is written for the path as it is sent, one that ends with $ even if slashes follow, and none of an empty list', () => {
    refuses({ acceptPaths: '' }, '/');
    refuses({ acceptPaths: '.*', rejectPaths: '/secrets' }, '/api/v1/secrets');
    const rules = { rejectPaths: '^/api/v1/secrets$' };
    for (const raw of [
      ...['/api/v1/secrets', '/api/v1/secrets/', '/api/v1/secrets//', '//api/v1/secrets/'],
      ...['/api/v1/secrets%2f', '/api/v1%5csecrets%5c'],
    ])
      refuses(rules, raw);
    for (const raw of ['/api/v1/secrets/a', '/api/v1/secrets2']) passes(rules, raw);
    refuses({ rejectPaths: '%2f' }, '/api%2fv1');
    refuses({ rejectPaths: '//' }, '/api//v1');
    passes({ rejectPaths: '', rejectMethods: '' }, `${pod}/exec`);
  });
});

describe("the filter for an API server's URL with a path", () => {
  const rancher = { serverPath: '/k8s/clusters/c1' };

  it('rejects exec if the API server behind that path sees it', () => {
    for (const prefix of [
      ...['/k8s/clusters/c1', '//k8s//clusters/c1', '/k8s/clusters/%631', '/k8s%2fclusters/c1/'],
    ]) {
      for (const name of ['/exec', '/%65xec', '//exec/']) refuses(rancher, `${prefix}${pod}${name}`);
      passes(rancher, `${prefix}${pod}/log`);
    }
    refuses(rancher, `${pod}/exec`);
    refuses(rancher, `/k8s/clusters/c1${pod}%5cexec`);
    refuses(rancher, `/k8s%5cclusters%5cc1${pod.replaceAll('/', '%5c')}%5cexec`);
  });

  it('applies a rule that ends with $ even if slashes follow, and not behind a longer name than that path', () => {
    const rules = { ...rancher, rejectPaths: '^/api/v1/secrets$' };
    for (const path of ['/api/v1/secrets', '//api/v1/secrets', '/api/v1/secrets/', '/api/v1/secrets%2f%2f'])
      refuses(rules, `/k8s/clusters/c1${path}`);
    passes(rules, '/k8s/clusters/c1/api/v1/secrets2');
    passes({ ...rancher, rejectPaths: '^$' }, '/');
    for (const name of ['c11', 'c2'])
      passes({ ...rancher, rejectPaths: '^/api$' }, `/k8s/clusters/${name}/api`);
  });
});

describe('the filter under attack', () => {
  for (const [name, rawOf] of [
    ['pods over and over', length => `/api/${'/pods/'.repeat(length / 6)}`],
    [
      'pods over and over before half a match',
      length => `/api/v1/exec/attach//${'pods/a/'.repeat(length / 7)}`,
    ],
    ['exec and attach over and over', length => `/api//v1${'/exec/attach'.repeat(length / 12)}`],
    ['escapes', length => `/api/v1/exec/attach${'%5cpods%2f'.repeat(length / 10)}`],
    ['slashes', length => '/'.repeat(length)],
  ] as readonly (readonly [string, (length: number) => string])[]) {
    it(`judges ${name} in linear time`, () => {
      const rules = { serverPath: '/k8s/clusters/c1' };
      assertLinear(100_000, length => {
        const raw = rawOf(length);
        return () => judge(rules, 'GET', raw);
      });
    });
  }
});
