import assert from 'node:assert/strict';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { digestOf } from '../../../src/authentication/bearer-token/bearer-token.js';
import { AuthenticationError, IdentityError } from '../../../src/authentication/identity.js';
import { followTokenFile, parseTokenFile } from '../../../src/features/token-file/token-file.js';
import { until } from '../../support/eventually.js';
import { replaceFile } from '../../support/replaced-file.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const rules = { allowed: new Set<string>(), serviceAccounts: false };

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

  it('uses the last line for a repeated token and skips an empty token, with warnings', () => {
    const { find, warnings } = parse('t1,alice,1\nt1,bob,2\n,mallory,3\n');
    const found = find('t1');
    assert.equal(found !== undefined && 'username' in found && found.username, 'bob');
    assert.equal(find(''), undefined);
    assert.equal(warnings.length, 2);
    assert.doesNotMatch(warnings.join(), /t1/);
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

  it('ignores a token that no request can bring, with a warning', () => {
    const { parsed, warnings } = parse(' t1,alice,1\nt\u00a02,bob,2\n"t\n3",carol,3\n');
    assert.ok('users' in parsed && parsed.users.size === 0);
    assert.equal(warnings.length, 3);
    assert.match(warnings[2] ?? '', /^tokens\.csv: record 3 has a token with white space or a control/);
  });

  it('rejects users that Kubernetes reserves, with a warning when it is read', () => {
    const { find, warnings } = parse('t1,alice,1,"dev,system:masters"\nt2,system:admin,\n');
    assert.ok(find('t1') instanceof IdentityError);
    assert.ok(find('t2') instanceof IdentityError);
    assert.match(warnings.join('\n'), /record 1 is rejected: group "system:masters"/);
    assert.match(warnings.join('\n'), /record 2 is rejected: user "system:admin"/);
  });

  it('identifies nobody by a token of the anonymous user, as every other method', () => {
    const { find, warnings } = parse('t1,system:anonymous,1\nt2,alice,2,system:unauthenticated\n');
    for (const token of ['t1', 't2']) assert.ok(find(token) instanceof AuthenticationError);
    assert.match(warnings.join('\n'), /record 1 is rejected: .*\n.*record 2 is rejected: /);
  });

  it('is invalid with too few columns, no name, too large a user or broken quotes; the problem names the line and shows no token', () => {
    for (const [text, problem] of [
      ['secret,alice', /tokens\.csv: record 1 has fewer than 3 columns/],
      ['a,b,c\nsecret', /record 2 has fewer than 3 columns/],
      ['secret,,1', /record 1 has no user name/],
      [
        `a,b,c\nsecret,alice,1,"dev,${'x'.repeat(262_144)}"`,
        /record 2: the user takes more than 256 KB .* for its groups$/,
      ],
      ['a,b,c\n"secret,alice,1', /tokens\.csv:2: a quote/],
    ] as const) {
      const { parsed } = parse(text);
      assert.ok('problems' in parsed, text);
      assert.match(parsed.problems.join(), problem);
      assert.doesNotMatch(parsed.problems.join(), /secret/);
    }
  });
});

async function follow(t: TestContext, text: string) {
  const folder = temporaryFolder();
  const file = join(folder, 'tokens.csv');
  await writeFile(file, text);
  const reloads: (readonly string[])[] = [];
  const followed = await followTokenFile({
    file,
    rules,
    interval: 10,
    onWarning: () => {},
    onReload: problems => reloads.push(problems),
  });
  assert.ok('authenticator' in followed);
  t.after(async () => {
    followed.close();
  });
  const nameOf = async (token: string) => {
    const user = followed.authenticator.authenticateToken({ digest: digestOf(token) });
    return user?.username;
  };
  return { file, reloads, nameOf };
}

describe('a token file that is followed', () => {
  it('is used after each change, and a bad change leaves the last good content in use', async t => {
    const { file, reloads, nameOf } = await follow(t, 't1,alice,1\n');
    assert.equal(await nameOf('t1'), 'alice');
    await writeFile(`${file}.new`, 't2,bob,2\n');
    await rename(`${file}.new`, file);
    await until(() => reloads.length === 1);
    assert.deepEqual([await nameOf('t1'), await nameOf('t2')], [undefined, 'bob']);
    await writeFile(`${file}.new`, 'secret\n');
    await rename(`${file}.new`, file);
    await until(() => reloads.length === 2);
    assert.match(reloads[1]?.join() ?? '', /record 1 has fewer than 3 columns/);
    await rm(file);
    await until(() => reloads.length === 3);
    assert.match(reloads[2]?.join() ?? '', /--token-auth-file: .*: no such file/);
    assert.equal(await nameOf('t2'), 'bob');
    await writeFile(`${file}.new`, 't3,carol,2\n');
    await rename(`${file}.new`, file);
    await until(() => reloads.length === 4);
    assert.deepEqual([await nameOf('t2'), await nameOf('t3')], [undefined, 'carol']);
  });

  it('may become a pipe, which is not read, and a regular file again', async t => {
    const { file, reloads, nameOf } = await follow(t, 't1,alice,1\n');
    await replaceFile(file);
    await until(() => reloads.length === 1);
    assert.deepEqual(reloads[0], [`--token-auth-file: ${file}: is a pipe that no program writes to`]);
    assert.equal(await nameOf('t1'), 'alice');
    await replaceFile(file, 't2,bob,2\n');
    await until(() => reloads.length === 2);
    assert.deepEqual(reloads[1], []);
  });

  it('that cannot be read is a problem that names the flag', async () => {
    const followed = await followTokenFile({
      file: '/nonexistent/tokens.csv',
      rules,
      onWarning: () => {},
      onReload: () => {},
    });
    assert.deepEqual(followed, {
      problems: ['--token-auth-file: /nonexistent/tokens.csv: no such file'],
    });
  });
});
