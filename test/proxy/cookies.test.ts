import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { confinedCookie } from '../../src/proxy/cookies.js';
import { RequestPath } from '../../src/request/request-path.js';

interface Place {
  /** The path as sent below the prefix. */
  readonly at: string;
  readonly prefix?: string;
  /** The path of the server's URL, if clients send it. */
  readonly serverPath?: string;
}

/** The field for the client; undefined if it is dropped. */
function held(field: string, { at, prefix = '', serverPath = '' }: Place): string | undefined {
  const path = new RequestPath({ method: 'GET', received: prefix + at, target: at, prefix, serverPath });
  return confinedCookie(field, { path } as never);
}

/** The path that the client gets for a cookie with this Path; without Path if it is undefined. */
function pathOf(own: string | undefined, place: Place): string | undefined {
  const [, path] =
    /^a=1; Path=(.*)$/.exec(held(own === undefined ? 'a=1' : `a=1; Path=${own}`, place) ?? '') ?? [];
  return path;
}

const pod = '/api/v1/namespaces/x/pods/y/proxy';

describe('the Path of a cookie', () => {
  it('of a program behind the proxy subresource is its own path there', () => {
    for (const prefix of ['', '/clusters/dev', '/clusters/a%2Fb', '/k8s']) {
      const root = `${prefix}${pod}/`;
      for (const at of [
        pod,
        ...[`${pod}/`, `${pod}?a=/`, `${pod}/a/b.html`, `${pod}/proxy/a`, `${pod}/a%2F;//b`],
      ]) {
        for (const [own, expected] of [
          ['/', root],
          ['/a', `${root}a`],
          ['/a/', `${root}a/`],
          ['//a', `${root}/a`],
          ['/api/v1', `${root}api/v1`],
          ['/a b%2F"', `${root}a b%2F"`],
          [undefined, root],
          ['', root],
          ['a', root],
          ['"/a"', root],
          ['https://evil.example/', root],
        ] as const) {
          assert.equal(pathOf(own, { at, prefix }), expected, `${own} ${at}`);
        }
      }
    }
  });

  it('stays if it is already there or below it, segment by segment', () => {
    for (const prefix of ['', '/clusters/dev']) {
      const place = { at: `${pod}/login`, prefix };
      const root = `${prefix}${pod}`;
      for (const own of [root, `${root}/`, `${root}/a`, `${root}//`]) assert.equal(pathOf(own, place), own);
      for (const own of [
        `${root}x`,
        `${root}x/`,
        root.slice(0, -1),
        root.toUpperCase(),
        `/x${root}/`,
        root.replace('/x/', '/other/'),
      ]) {
        assert.equal(pathOf(own, place), root + own, own);
      }
    }
    // The path of another mount is none here.
    assert.equal(pathOf(`${pod}/`, { at: `${pod}/`, prefix: '/clusters/dev' }), `/clusters/dev${pod}${pod}/`);
  });

  it('has the path of the server’s URL before it where clients send that', () => {
    const serverPath = '/k8s/clusters/c-1';
    assert.equal(pathOf('/a', { at: `${serverPath}${pod}/b`, serverPath }), `${serverPath}${pod}/a`);
    const page = `${serverPath}/apis/evil.example/v1/page`;
    assert.equal(pathOf('/', { at: page, serverPath }), `${serverPath}/apis/evil.example/v1/`);
    // Beside that path is another server.
    assert.equal(pathOf('/', { at: `${pod}/b`, serverPath }), `${pod}/`);
    assert.equal(pathOf('/', { at: '/apis/evil.example/v1/a/b', serverPath }), '/apis/evil.example/v1/a/');
    assert.equal(pathOf('/', { at: `${serverPath}x/apis/a/v1/b`, serverPath }), `${serverPath}x/apis/a/v1/`);
  });

  it('of an aggregated API is that of its version, as the client sent it', () => {
    for (const prefix of ['', '/clusters/dev']) {
      for (const own of ['/', undefined, '', 'a', '/clusters/prod/', '/apis/evil.example/v1/a']) {
        for (const at of [
          '/apis/evil.example/v1',
          '/apis/evil.example/v1/',
          '/apis/evil.example/v1/page',
          '/apis/evil.example/v1/namespaces/x/things/y/proxy/a/b',
        ]) {
          assert.equal(pathOf(own, { at, prefix }), `${prefix}/apis/evil.example/v1/`, at);
        }
        assert.equal(
          pathOf(own, { at: '/apis/evil%2Eexample/v1/a', prefix }),
          `${prefix}/apis/evil%2Eexample/v1/`,
        );
      }
    }
  });

  it('of everything else is the folder of the request, whatever it says itself', () => {
    for (const [at, expected] of [
      ['/version', '/clusters/dev/'],
      ['/', '/clusters/dev/'],
      ['/logs/a/b', '/clusters/dev/logs/a/'],
      ['/logs/a/b/?c=/d/', '/clusters/dev/logs/a/b/'],
      ['/api/v1/namespaces/x/pods/y', '/clusters/dev/api/v1/namespaces/x/pods/'],
      ['/apis', '/clusters/dev/'],
      ['/apis/evil.example', '/clusters/dev/apis/'],
      ['//apis/evil.example/v1/a', '/clusters/dev//apis/evil.example/v1/'],
      ['/api/v1/namespaces/x/pods/y/%70roxy/a', '/clusters/dev/api/v1/namespaces/x/pods/y/%70roxy/'],
      ['/api/v1/proxy/namespaces/x/pods/y/a', '/clusters/dev/api/v1/proxy/namespaces/x/pods/y/'],
      ['/api/v1/namespaces/x/pods/y/proxyx/a', '/clusters/dev/api/v1/namespaces/x/pods/y/proxyx/'],
    ] as const) {
      for (const own of ['/', '/clusters/prod/', undefined, '', 'a'])
        assert.equal(pathOf(own, { at, prefix: '/clusters/dev' }), expected, at);
    }
  });

  it('is never that of the whole host, and is the last one of several, as in browsers', () => {
    assert.equal(pathOf('/', { at: '/version' }), '/version');
    assert.equal(pathOf(undefined, { at: '/version?a=/b/' }), '/version');
    assert.equal(pathOf('/', { at: '//' }), '//');
    assert.equal(held('a=1; Path=/', { at: '/' }), undefined);
    const place = { at: `${pod}/` };
    assert.equal(held('a=1; Path=/x; Path=/y', place), `a=1; Path=${pod}/y`);
    assert.equal(held('a=1; Path=/x; PATH', place), `a=1; Path=${pod}/`);
    assert.equal(held('a=1; Path=/x; path=; Secure', place), `a=1; Secure; Path=${pod}/`);
    assert.equal(held('a=1;pAtH\t=\t/x ;Path', place), `a=1; Path=${pod}/`);
    assert.equal(held('a=1; \tpAtH \t= \t/x \t', place), `a=1; Path=${pod}/x`);
    assert.equal(held('a=1; Path=/x=y', place), `a=1; Path=${pod}/x=y`);
  });
});

describe('a cookie', () => {
  const place = { at: `${pod}/` };
  const path = `; Path=${pod}/`;

  it('loses its Domain, in any spelling, and keeps all else', () => {
    for (const domain of [
      ...['Domain=evil.example', 'DOMAIN', 'domain=', ' \tdOmAiN\t= .example ', 'Domain=a=b'],
    ]) {
      assert.equal(held(`a=1;${domain}`, place), `a=1${path}`, domain);
      assert.equal(held(`a=1;${domain};${domain}; Secure`, place), `a=1; Secure${path}`, domain);
    }
    const rest =
      'a="b, c=d"; Expires=Wed, 21 Oct 2037 07:28:00 GMT; Max-Age=1;HttpOnly; SameSite=None; Partitioned; x=y';
    assert.equal(held(rest, place), rest + path);
    assert.equal(held('Domain=1; Domain=evil.example', place), `Domain=1${path}`);
    assert.equal(held('Path=/', place), `Path=/${path}`);
  });

  it('is dropped if its name is for the whole host, or could pass for such a name', () => {
    for (const name of ['__Host-a', '__host-a', '__HOST-a', '__Host-', '__Host-Http-a', ' \t__Host-a']) {
      for (const more of ['=1', '', '=1; Secure; Path=/', '; Path=/x']) {
        assert.equal(held(name + more, place), undefined, name + more);
        assert.equal(held(`=${name}${more}`, place), undefined);
        assert.equal(held(` == ${name}${more}`, place), undefined);
      }
    }
    for (const name of ['__Secure-a', 'a__Host-a', '__Hos-a', '_Host-a', '__Host_a'])
      assert.equal(held(`${name}=__Host-1`, place), `${name}=__Host-1${path}`);
    assert.equal(held('=1', place), `=1${path}`);
  });

  it('is dropped if a browser would not take the new Path as it is, or with a control character, after which some read no further', () => {
    assert.equal(held('a=1', { at: '/x', prefix: '/clusters/a;b' }), undefined);
    assert.equal(held('a=1', { at: '/logs;v=1/a' }), undefined);
    assert.equal(held('a=1', { at: '/logs\u00e9/a' }), undefined);
    assert.equal(held('a=1; Path=/\u00e9', place), undefined);
    const long = 'b'.repeat(1024 - pod.length - 1);
    assert.equal(held(`a=1; Path=/${long}`, place), `a=1; Path=${pod}/${long}`);
    assert.equal(held(`a=1; Path=/${long}b`, place), undefined);
    assert.equal(held('a=1', { at: `/${'b'.repeat(1024)}` }), undefined);
    for (const character of ['\0', '\x01', '\x08', '\x0b', '\x0c', '\x1f', '\x7f', '\r', '\n']) {
      assert.equal(held(`a=1${character}; Path=/`, place), undefined);
      assert.equal(held(`${character}__Host-a=1`, place), undefined);
      assert.equal(held(`a=1; Path=/x${character}`, place), undefined);
    }
  });
});
