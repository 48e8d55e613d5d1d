import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { askedVersion, namedTarget } from '../../../src/features/visible-namespaces/named-request.js';
import { parseQuery } from '../../../src/kubernetes/query.js';

const path = '/k8s/api/v1/namespaces';
const named = (query: string, names = ['a', 'b'], without: readonly string[] = []) =>
  namedTarget(path + query, names, without);
const both = `${path}?labelSelector=kubernetes.io/metadata.name+in+(a,b)`;

describe('the target of the gateway', () => {
  it('begins with one selector of the names, before that of its client, and has the rest as sent', () => {
    for (const [query, expected] of [
      ['', ''],
      ['?', ''],
      ['?watch=1&&x=%20y+z', '&watch=1&x=%20y+z'],
      ['?labelSelector=a%3Db', ',a%3Db'],
      ['?labelSelector=x+in+(a)&watch=1', ',x%20in%20(a)&watch=1'],
      // The first one counts, decoded.
      ['?a=1&label%53elector=a!%3Db&labelSelector=c', ',a!%3Db&a=1'],
      ['?labelSelector&labelSelector=c', ''],
      ['?+labelSelector=x', '&+labelSelector=x'],
      // What is blank selects all, and behind a comma nothing.
      ['?labelSelector=%20%09%0d%0a', ''],
      ['?labelSelector=%c2%a0', ',%C2%A0'],
      // Go drops these.
      ['?a=1;labelSelector=x&b=%zz&%=1&c=2', '&c=2'],
      ['?labelSelector=a;b&labelSelector=%f&labelSelector=c', ',c'],
      // It stays behind ours, whatever it says.
      ['?labelSelector=)%2Cx+notin+(', ',)%2Cx%20notin%20('],
      ['?labelSelector=a%00b', ',a%00b'],
      ['?labelSelector=a%26watch%3D1', ',a%26watch%3D1'],
    ] as const)
      assert.equal(named(query), both + expected, query);
  });

  it('selects nothing without a name', () => {
    assert.equal(named('?labelSelector=a', []), `${path}?labelSelector=!kubernetes.io/metadata.name,a`);
  });

  it('leaves out what does not count, however it is spelled', () => {
    const without = ['resourceVersion', 'resourceVersionMatch'];
    assert.equal(
      named('?resourceVersion=0&limit=1&resource%56ersion=5&resourceVersionMatch=x', undefined, without),
      `${both}&limit=1`,
    );
  });

  it('is not longer than 256 KB, and has no more parameters than Go reads', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, at) => `n${String(at).padStart(9, '0')}`);
    const longest = 256 * 1024;
    const fits = named('', many(Math.floor((longest - both.length) / 11)));
    assert.ok(fits.length < longest && fits.length > longest - 22);
    assert.throws(() => named('', many(longest / 11)), { code: 403, message: /256 KB/ });
    assert.doesNotThrow(() => named(`?x${'&x'.repeat(9_998)}`));
    assert.throws(() => named(`?x${'&x'.repeat(9_999)}`), { code: 400 });
  });
});

describe('what is asked for', () => {
  const token = (content: unknown) => Buffer.from(JSON.stringify(content)).toString('base64url');
  const asked = (isWatch: boolean, query: string) => {
    const { isPast, version } = askedVersion(isWatch, parseQuery(query));
    return `${isPast ? 'past' : 'state'} ${version}`;
  };

  it('is the past or the state, as the API server reads it', () => {
    const valid = { v: 'meta.k8s.io/v1', rv: 7, start: '/a' };
    for (const [kind, query, expected] of [
      ['list', '', 'state undefined'],
      ['list', 'resourceVersion=0', 'state 0'],
      ['list', 'resourceVersion=00', 'state 0'],
      ['list', 'resourceVersion=7', 'state 7'],
      ['list', 'resourceVersion=7&resourceVersionMatch=NotOlderThan', 'state 7'],
      ['list', 'resourceVersion=7&resourceVersionMatch=NotOlderThan&limit=5', 'state 7'],
      ['list', 'resourceVersion=7&resourceVersionMatch=Exact', 'past 7'],
      ['list', 'resourceVersion=007&resourceVersionMatch=Exact', 'past 7'],
      ['list', 'resourceVersion=7&resourceVersionMatch=x', 'past 7'],
      ['list', 'resourceVersion=0&resourceVersionMatch=Exact', 'state undefined'],
      ['list', 'resourceVersion=7&limit=5', 'past 7'],
      ['list', 'resourceVersion=0&limit=5', 'state 0'],
      ['list', 'resourceVersion=7&limit=0', 'state 7'],
      ['list', 'resourceVersion=7&limit=x', 'past 7'],
      ['list', 'resourceVersion=7&resourceVersion=9&limit=5', 'past 7'],
      ['list', 'resourceVersion=&resourceVersion=9&limit=5', 'state undefined'],
      ['list', 'resourceVersion=-7&resourceVersionMatch=Exact', 'state undefined'],
      ['list', 'resourceVersion=+7&resourceVersionMatch=Exact', 'state undefined'],
      ['list', `resourceVersion=${'9'.repeat(21)}&resourceVersionMatch=Exact`, 'state undefined'],
      [
        'list',
        'resourceVersion=18446744073709551615&resourceVersionMatch=Exact',
        'past 18446744073709551615',
      ],
      ['watch', '', 'state undefined'],
      ['watch', 'resourceVersion=0', 'state 0'],
      ['watch', 'resourceVersion=7', 'past 7'],
      ['watch', 'resourceVersion=7&sendInitialEvents=true', 'state 7'],
      ['watch', 'resourceVersion=7&sendInitialEvents', 'state 7'],
      ['watch', 'resourceVersion=7&sendInitialEvents=false', 'past 7'],
      ['watch', 'resourceVersion=7&sendInitialEvents=0&sendInitialEvents=true', 'past 7'],
      ['watch', 'resourceVersion=x', 'state undefined'],
      ['watch', `resourceVersion=7&continue=${token(valid)}`, 'past 7'],
      // Tokens.
      ['list', `continue=${token(valid)}`, 'past 7'],
      ['list', `continue=${token(valid)}&resourceVersion=0`, 'past 7'],
      ['list', `continue=&resourceVersion=0`, 'state 0'],
      ['list', `continue=${token({ ...valid, more: 1 })}`, 'past 7'],
      ['list', `continue=${token({ ...valid, rv: -1 })}`, 'past undefined'],
      ['list', `continue=${token({ ...valid, rv: '7' })}`, 'past undefined'],
      ['list', `continue=${token({ ...valid, rv: 7.5 })}`, 'past undefined'],
      ['list', `continue=${token({ ...valid, rv: 2 ** 60 })}`, 'past undefined'],
      ['list', `continue=${token({ ...valid, RV: 1 })}`, 'past undefined'],
      ['list', `continue=${token({ v: 'x', Rv: 7 })}`, 'past undefined'],
      ['list', `continue=${token([])}`, 'past undefined'],
      ['list', 'continue=abc', 'past undefined'],
      // Go ignores line feeds, and other spellings of base64 may be read in another way.
      ['list', `continue=${token(valid)}%0a`, 'past undefined'],
      ['list', `continue=${token(valid)}%3D`, 'past undefined'],
    ] as const)
      assert.equal(asked(kind === 'watch', query), expected, `${kind} ${query}`);
  });
});
