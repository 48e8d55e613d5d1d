import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { originList } from '../../src/guard/origin-list.js';
import { assertLinear } from '../support/growth.js';
import { parsedValue } from '../support/option-value.js';

const list = (source: string) => parsedValue(originList, source);

function allows(source: string, ...origins: string[]): void {
  for (const origin of origins) assert.equal(list(source).matches(origin), true, `${source} ${origin}`);
}

function refuses(source: string, ...origins: string[]): void {
  for (const origin of origins) assert.equal(list(source).matches(origin), false, `${source} ${origin}`);
}

describe('a list of allowed origins', () => {
  it('allows the origins that the same expressions allow at the API server, and no others; it is case-sensitive', () => {
    allows('^https://app\\.example$', 'https://app.example');
    allows('//app\\.example(:|$)', 'https://app.example', 'http://app.example', 'https://app.example:8443');
    allows('://app\\.example$', 'http://app.example');
    allows('^https?://(a|b)\\.example(:\\d+)?$', 'http://a.example', 'https://b.example:1');
    allows('^https://[a-z]+\\.app\\.example$', 'https://x.app.example');
    allows('^http://localhost:', 'http://localhost:3000');
    allows('^http://localhost:3000,^https://app\\.example$', 'http://localhost:3000', 'https://app.example');
    allows('(?i)^https://app\\.example$', 'https://APP.example');
    allows('^.*$', 'https://anything.example', 'http://[::1]:8001', 'chrome-extension://abcdefgh');
    allows('//\\[::1\\](:|$)', 'http://[::1]:8001');
    const others = ['http://app.example', 'https://app.example:8443', 'https://APP.example'];
    const longer = ['https://x.app.example', 'https://app.example.evil', 'https://app-example'];
    refuses('^https://app\\.example$', ...others, ...longer);
    refuses('', 'https://app.example');
  });

  it('rejects hosts that only begin or end like an allowed one, though the API server allows them', () => {
    const evil = ['https://app.example.evil', 'https://app.examplevil', 'https://app.example@evil'];
    refuses('^https://app\\.example', ...evil);
    allows('^https://app\\.example', 'https://app.example', 'https://app.example:8443');
    refuses('//10\\.0\\.0\\.1(:|)', 'http://10.0.0.12', 'http://10.0.0.1.evil');
    refuses('^http|app\\.example$', ...['evil', 'evilapp', 'x.app'].map(name => `https://${name}.example`));
    refuses('^https://app\\.example$|https://b', 'https://b.evil');
    refuses('(^x|app)\\.example$', 'https://evilapp.example', 'https://evil.app.example');
    allows('(^x|app)\\.example$', 'https://app.example');
    refuses('^https://\\[:,^https://\\[::', 'https://[::1]', 'https://[::1]:8080');
    // What is not one origin is allowed by no expression.
    refuses(
      '^.*$',
      ...['null', '', 'https://', 'app.example', 'https://a.example, https://b.example', 'https://a b', '*'],
      ...['https://a.example/', 'https://a.example/path', 'https://u@a.example', 'https:a.example'],
    );
  });

  it('is matched in linear time', () => {
    assertLinear(20_000, length => {
      const origin = `https://${'a'.repeat(length)}!`;
      return () => refuses('^https://(a+)+$', origin);
    });
  });

  it('has no expression with a path behind its host or without a scheme, nor one for pages of files or sandboxed ones, which can never match', () => {
    for (const expression of [
      ...['^https://app\\.example/$', '^https://app\\.example/path$', '^https://app\\.example/.*$'],
      ...['^https?://app-1\\.example:8443/clusters/', '^file://$', '^file:///', '^null$'],
      ...['^app\\.example$', '^app.example$', '^localhost:3000', '^localhost:\\d+$', '^$'],
    ]) {
      const compiled = originList.parse(expression, '--cors-allowed-origins');
      assert.deepEqual(compiled, {
        problems: [
          `--cors-allowed-origins: ${JSON.stringify(expression)} can never match: an origin is a scheme and a host, ` +
            'without a path, such as https://app.example; pages of files, and sandboxed ones, have none',
        ],
      });
    }
    allows('^https://app\\.example/?$', 'https://app.example');
    allows('^https://app\\.example(/x)?$', 'https://app.example');
    allows('^https://app\\.example[/]*$', 'https://app.example');
    allows('^(file://|https://app\\.example)$', 'https://app.example');
    allows('^file://$|^https://app\\.example$', 'https://app.example');
    allows('\\Ahttps:[/]{2}app\\.example\\z|//x$', 'https://app.example');
    allows('^\\w+:\\/\\/app\\b.example$', 'https://app.example');
    allows('^\\Qhttps://app.example\\E$', 'https://app.example');
    allows('^https:..[[:alpha:]]+\\.[^)]+$', 'https://app.example');
    allows('^https://app\\.example(?:$|:)', 'https://app.example');
  });

  it('has only expressions that the API server accepts: each marks both ends of the host', () => {
    const oneEnd = ['app\\.example$', '^app\\.example', '//app\\.example'];
    for (const expression of ['.*', 'app.example', ...oneEnd, '']) {
      const compiled = originList.parse(`^https://fine\\.example$,${expression}`, '--cors-allowed-origins');
      assert.ok('problems' in compiled, expression);
      assert.equal(compiled.problems.length, 1);
      assert.match(
        compiled.problems[0] ?? '',
        /^--cors-allowed-origins: ".*" does not pin both ends of the host/,
      );
    }
    assert.deepEqual(originList.parse('^(:$', '--cors-allowed-origins'), {
      problems: ['--cors-allowed-origins: "^(:$" is not a regular expression: missing closing ): `^(:$`'],
    });
  });
});
