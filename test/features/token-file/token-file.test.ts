import assert from 'node:assert/strict';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import { digestOf } from '../../../src/authentication/bearer-token.js';
import { AuthenticationError, IdentityError } from '../../../src/authentication/identity.js';
import { uidTarget } from '../../../src/authentication/method.js';
import { bearerTokenFields } from '../../../src/features/common/bearer-token.js';
import { tokenFile } from '../../../src/features/token-file/feature.js';
import { followTokenFile, parseTokenFile } from '../../../src/features/token-file/token-file.js';
import type { Logger } from '../../../src/observability/log/logger.js';
import { parseOptions } from '../../../src/options/parse.js';
import { until } from '../../support/eventually.js';
import { createCore } from '../../support/features/core.js';
import { replacedWhenRead } from '../../support/replaced-when-read.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const rules = { allowed: new Set<string>(), serviceAccounts: false };

test('a token that goes right after the file was read at the start is not accepted any longer', async t => {
  const file = join(temporaryFolder(), 'tokens.csv');
  await writeFile(file, 'old,alice,1\n');
  const followed = await replacedWhenRead(t, file, 'new,alice,1\n', () =>
    followTokenFile({ ...{ file, rules, interval: 10 }, onReload() {}, onWarning() {} }),
  );
  assert.ok('authenticator' in followed);
  t.after(() => followed.close());
  const find = (token: string) => followed.authenticator.authenticateToken({ digest: digestOf(token) });
  await until(() => find('new') !== undefined);
  assert.equal(find('old'), undefined);
});

function parse(content: string | Buffer) {
  const warnings: string[] = [];
  const parsed = parseTokenFile(Buffer.from(content as string), {
    label: 'tokens.csv',
    rules,
    onWarning: warning => warnings.push(warning),
  });
  const find = (token: string) => {
    assert.ok('users' in parsed, JSON.stringify(parsed));
    return parsed.users.get(digestOf(Buffer.from(token).toString('latin1')));
  };
  return { parsed, warnings, find };
}

describe('a token file', () => {
  it('has token, user, uid and groups, as for the API server', () => {
    const { find, warnings } = parse('t1,alice,4-2,"dev,ops"\nt2,bob,\nt\u00e9,carol,7,dev,more\n');
    assert.deepEqual(find('t1'), {
      username: 'alice',
      uid: '4-2',
      groups: ['dev', 'ops', 'system:authenticated'],
      extra: new Map(),
    });
    assert.deepEqual(find('t2'), {
      username: 'bob',
      uid: undefined,
      groups: ['system:authenticated'],
      extra: new Map(),
    });
    const carol = find('t\u00e9');
    assert.deepEqual(carol !== undefined && 'username' in carol && carol.username, 'carol');
    for (const other of ['', 't', 't1 ', 'T1', 'alice', 't3']) assert.equal(find(other), undefined, other);
    assert.deepEqual(warnings, []);
  });

  it('uses the last line for a repeated token and skips tokens that no request can bring, with warnings', () => {
    const { find, warnings } = parse('t1,alice,1\nt1,bob,2\n,mallory,3\n');
    const found = find('t1');
    assert.equal(found !== undefined && 'username' in found && found.username, 'bob');
    assert.equal(find(''), undefined);
    assert.equal(warnings.length, 2);
    assert.doesNotMatch(warnings.join(), /t1/);
    const { parsed, warnings: told } = parse(' t1,alice,1\nt\u00a02,bob,2\n"t\n3",carol,3\n');
    assert.ok('users' in parsed && parsed.users.size === 0);
    assert.equal(told.length, 3);
    assert.match(told[2] ?? '', /^tokens\.csv: record 3 has a token with white space or a control/);
  });

  it('compares the bytes of tokens, also of those that are not UTF-8', () => {
    const file = Buffer.from(
      't\xe9,alice,1\nt\xe8,bob,2\nt\xc3\xa9,zo\xc3\xab,3,gr\xc3\xb6\xc3\x9fe\n',
      'latin1',
    );
    const { parsed, warnings } = parse(file);
    assert.ok('users' in parsed);
    const { users } = parsed;
    const nameOf = (token: string) => (users.get(digestOf(token)) as { username?: string })?.username;
    assert.deepEqual(['t\xe9', 't\xe8', 't\xc3\xa9'].map(nameOf), ['alice', 'bob', 'zo\u00eb']);
    assert.deepEqual(['t\xea', 't\xef\xbf\xbd', 't'].map(nameOf), [undefined, undefined, undefined]);
    assert.deepEqual(
      [...users.values()].flatMap(user => ('groups' in user ? user.groups[0] : [])).at(-1),
      'gr\u00f6\u00dfe',
    );
    assert.deepEqual(warnings, []);
  });

  it('rejects users that Kubernetes reserves and the anonymous user, with a warning when it is read', () => {
    const { find, warnings } = parse(
      't1,alice,1,"dev,system:masters"\nt2,system:admin,\nt3,system:anonymous,1\nt4,a,2,system:unauthenticated\n',
    );
    for (const token of ['t1', 't2']) assert.ok(find(token) instanceof IdentityError);
    for (const token of ['t3', 't4']) assert.ok(find(token) instanceof AuthenticationError);
    assert.match(warnings[0] ?? '', /record 1 is rejected: group "system:masters"/);
    assert.match(warnings[1] ?? '', /record 2 is rejected: user "system:admin"/);
    assert.match(warnings.slice(2).join('\n'), /record 3 is rejected: .*\n.*record 4 is rejected: /);
  });

  it('is invalid with too few columns, no name, too large a user or broken quotes; the problem names the line and shows no token', () => {
    for (const [text, problem] of [
      ['secret,alice', /tokens\.csv: record 1 has fewer than 3 columns/],
      ['a,b,c\nsecret', /record 2 has fewer than 3 columns/],
      ['secret,,1', /record 1 has no user name/],
      [`a,b,c\nsecret,alice,1,"dev,${'x'.repeat(262_144)}"`, /record 2: the user takes more than 256 KB /],
      ['a,b,c\n"secret,alice,1', /tokens\.csv:2: a quote/],
    ] as const) {
      const { parsed } = parse(text);
      assert.ok('problems' in parsed, text);
      assert.match(parsed.problems.join(), problem);
      assert.doesNotMatch(parsed.problems.join(), /secret/);
    }
  });
});

/** The feature with this flag, followed every ten milliseconds. `lines` is what it logs. */
async function follow(t: TestContext, argv: readonly string[]) {
  const { options, problems } = parseOptions({ argv, env: {} });
  assert.deepEqual(problems, []);
  const lines: unknown[] = [];
  const log = (line: unknown) => void lines.push(line);
  const logger = { info: log, warn: log, error: log } as unknown as Logger;
  const registry = new Registry();
  const made = await tokenFile.create(
    options,
    createCore({ logger, rereadInterval: 10 }),
    tokenFile.metrics(registry),
  );
  if (made !== undefined && 'close' in made) t.after(made.close);
  return { made, lines, registry };
}

describe('a token file that is followed', () => {
  it('is used after each change, and a bad change leaves the last good content in use', async t => {
    const file = join(temporaryFolder(), 'tokens.csv');
    await writeFile(file, 't1,alice,\nbad,system:serviceaccount:a:b,\n');
    const { made, lines, registry } = await follow(t, [`--token-auth-file=${file}`]);
    if (made === undefined || 'problems' in made) assert.fail('it is off');
    const { authenticator, rechecker, impersonates, kubeconfigUsers } = made.method;
    assert.equal(rechecker, authenticator);
    assert.deepEqual(kubeconfigUsers(), [
      { fields: bearerTokenFields, isComplete: false, isPerCluster: false },
    ]);
    const nameOf = (token: string) => authenticator.authenticateToken({ digest: digestOf(token) })?.username;
    assert.throws(() => nameOf('bad'), IdentityError);
    assert.match(String(lines), /tokens\.csv: record 2 is rejected: user "system:/);
    const reload = async (content: string | undefined, line: RegExp) => {
      const { length } = lines;
      if (content === undefined) await rm(file);
      else {
        await writeFile(`${file}.new`, content);
        await rename(`${file}.new`, file);
      }
      await until(() => lines.length > length);
      assert.match(JSON.stringify(lines[length]), line);
    };
    assert.deepEqual([nameOf('t1'), impersonates()], ['alice', []]);
    await reload('t2,bob,2\nt4,dan,\n', /^"tokens of callers reloaded"$/);
    assert.deepEqual([nameOf('t1'), nameOf('t2'), impersonates()], [undefined, 'bob', [uidTarget]]);
    await reload('secret\n', /tokens\.csv: record 1 has fewer than 3 columns/);
    await reload('a,"b', /tokens\.csv:1: a quote/);
    await reload(undefined, /--token-auth-file: .*: no such file/);
    assert.equal(nameOf('t2'), 'bob');
    await reload('t3,carol,2\n', /^"tokens of callers reloaded"$/);
    assert.deepEqual([nameOf('t2'), nameOf('t3')], [undefined, 'carol']);
    const text = await registry.metrics();
    for (const [result, count] of [
      ['success', 2],
      ['failure', 3],
    ] as const) {
      const line = `kube_api_proxy_token_auth_file_reloads_total{result="${result}"} ${count}\n`;
      assert.ok(text.includes(line), line);
    }
  });

  it('that cannot be read is a problem that names the flag, and there need not be one', async t => {
    const missing = '--token-auth-file=/nonexistent/tokens.csv';
    const { made } = await follow(t, [missing]);
    assert.deepEqual(made, { problems: ['--token-auth-file: /nonexistent/tokens.csv: no such file'] });
    assert.equal((await follow(t, [])).made, undefined);
    const { name, flag, sendsSecret } = tokenFile.method;
    assert.deepEqual([name, flag, sendsSecret], ['token_file', '--token-auth-file', true]);
    const isOn = (...argv: string[]) => tokenFile.method.isOn(parseOptions({ argv, env: {} }).options);
    assert.deepEqual([isOn(missing), isOn()], [true, false]);
  });
});
