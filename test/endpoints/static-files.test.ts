import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type Answer, type AttackRequest, clientRequests, type Leg, legs, send } from '../e2e/leg.js';
import { startFakeApiServer } from '../support/fake-api-server/fake-api-server.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const secret = 'secret outside of the folder';
const evilName = `<img src=x onerror=alert(1)>"'&.txt`;

const directory = temporaryFolder();
const www = join(directory, 'www');
const files: Record<string, string> = {
  'secret.txt': secret,
  'www-secret/secret.txt': secret,
  'www/hello.txt': 'hello world',
  'www/page.html': '<p>page</p>',
  'www/.hidden': 'hidden',
  'www/indexed/index.html': '<p>index</p>',
  'www/with space/ä%&+.txt': 'odd',
  'www/with space/what?.txt': 'question',
  'www/with space/#1.txt': 'number',
  'www/..dots': 'dots',
  'www/api/static.txt': 'not the API server',
  'www/listed/deep/a.txt': 'a',
  'www/listed/b#c?d%e.txt': 'b',
  [`www/listed/${evilName}`]: 'evil',
};
for (const [name, text] of Object.entries(files)) {
  await mkdir(dirname(join(directory, name)), { recursive: true });
  await writeFile(join(directory, name), text);
}
const links: Record<string, string> = {
  'leak.txt': join(directory, 'secret.txt'),
  'leak-folder': directory,
  'leak-root': '/',
  'leak-sibling': join(directory, 'www-secret'),
  'leak-twice.txt': 'leak.txt',
  'alias.txt': 'hello.txt',
  'alias-folder': 'indexed',
  loop: 'loop',
  dangling: 'nothing',
  'leak-relative.txt': '../secret.txt',
  'leak%23.txt': '../secret.txt',
  'leak%3F.txt': '../secret.txt',
  'leak%26.txt': '../secret.txt',
};
for (const [name, target] of Object.entries(links)) await symlink(target, join(www, name));
await symlink(www, join(directory, 'www-link'));

const server = await startFakeApiServer();
after(() => server.kill());
const ca = server.authority.certificate;
const { path } = await writeKubeconfig({ server: server.url, ca, ...server.clientCertificate });
const start = (...args: string[]) => startInProcess({ after }, [`--kubeconfig=${path}`, ...args]);
const proxies = {
  standard: await start('--www', join(directory, 'www-link')),
  root: await start('-w', www, '-P', '/', '--api-prefix=/api/'),
  nested: await start('-w', www, '-P', '/k8s/ui', '--api-prefix=/k8s'),
};

function get(target: string, request: Partial<AttackRequest> = {}): Promise<Answer> {
  return send(proxies.standard.port, { target, ...request });
}

/** Asserts that the answer contains this text, because its body may be chunked. */
async function gives(target: string, text: string): Promise<void> {
  const answer = await get(target);
  assert.equal(answer.code, 200, `${target}: ${answer.raw}`);
  assert.ok(answer.body.includes(text), `${target}: ${answer.raw}`);
}

describe('a static file', () => {
  it('is served with its type and length, by its percent-encoded name, decoded once', async () => {
    const answer = await get('/static/hello.txt');
    assert.equal(answer.code, 200);
    assert.equal(answer.body, 'hello world');
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain/);
    assert.equal(answer.headers.get('content-length'), '11');
    assert.match((await get('/static/page.html')).headers.get('content-type') ?? '', /^text\/html/);
    await gives('/static/%68ello.txt', 'hello world');
    await gives('/static/with%20space/what%3F.txt', 'question');
    await gives('/static/with%20space/%231.txt', 'number');
    await gives('/static/with%20space/%C3%A4%25&+.txt', 'odd');
    await gives('/static/with%20space/%C3%A4%25%26%2B.txt', 'odd');
    await gives('/static/..dots', 'dots');
    // As in kubectl.
    await gives('/static/.hidden', 'hidden');
    await gives('/static/hello.txt?v=1#x', 'hello world');
    // Links within the folder are followed.
    await gives('/static/alias.txt', 'hello world');
    await gives('/static/alias-folder/', '<p>index</p>');
    await gives('/static/alias-folder/index.html', '<p>index</p>');
  });

  it('is served in part for a Range, and not beyond its end', async () => {
    const part = await get('/static/hello.txt', { headers: ['Range: bytes=6-8'] });
    assert.equal(part.code, 206);
    assert.equal(part.body, 'wor');
    assert.equal(part.headers.get('content-range'), 'bytes 6-8/11');
    assert.equal((await get('/static/hello.txt', { headers: ['Range: bytes=100-'] })).code, 416);
    const many = `bytes=${'0-,'.repeat(2000)}0-`;
    assert.ok((await get('/static/hello.txt', { headers: [`Range: ${many}`] })).raw.length < 10_000);
  });

  it('does not exist for other methods, which do not reach the API server either', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND']) {
      const { code } = await get('/static/hello.txt', { method, headers: ['Content-Length: 1'], rest: 'x' });
      assert.ok(code === 404 || code === 405, `${method}: ${code}`);
    }
    assert.deepEqual(clientRequests(server), []);
  });

  it('that does not exist, even as the target of a link, is a 404 Status', async () => {
    for (const name of [
      ...['nothing', 'hello.txt/x', 'HELLO.txt', '%2568ello.txt', 'x'.repeat(200)],
      ...['dangling', 'dangling/x', 'loop', 'loop/x'],
    ]) {
      const answer = await get(`/static/${name}`);
      assert.equal(answer.code, 404, `${name}: ${answer.raw}`);
      assert.equal(JSON.parse(answer.body).kind, 'Status', name);
    }
  });
});

for (const leg of Object.keys(legs) as Leg[]) {
  describe(`the folder of static files on the ${leg} leg`, () => {
    const leaks = (answer: Answer, target: string) => {
      assert.ok(answer.code >= 400 && answer.code < 500, `${target}: ${answer.raw.slice(0, 400)}`);
      assert.ok(!answer.raw.includes(secret), target);
      // A rejection may repeat the requested path.
      if (!target.includes(encodeURIComponent(directory))) assert.ok(!answer.raw.includes(directory), target);
      assert.ok(!answer.raw.includes('root:'), target);
    };

    it('cannot be left by dots and slashes in any spelling', async () => {
      const dots = [
        ...['..', '%2e%2e', '%2E.', '.%2e', '%252e%252e', '..%00', '%c0%ae%c0%ae', '...', '..;', '%ff..'],
        '. .',
      ];
      const slashes = ['/', '%2f', '%5c', '\\', '//', '%252f', '%c0%af', '/./', '/%2e/'];
      for (const dot of dots) {
        for (const slash of slashes) {
          for (const target of [
            `/static${slash}${dot}${slash}secret.txt`,
            `/static/${dot}${slash}secret.txt`,
            `/static/listed${slash}${dot}${slash}${dot}${slash}secret.txt`,
            `/static/${dot}${slash}www-secret${slash}secret.txt`,
            `/static/${`${dot}${slash}`.repeat(12)}etc${slash}passwd`,
          ])
            leaks(await get(target, { leg }), target);
        }
      }
    });

    it('cannot be left by an absolute path or a symbolic link, even one with a percent-encoded name', async () => {
      const encoded = ['leak%26.txt', 'leak%23.txt', 'leak%3F.txt'];
      for (const path of [
        ...['/etc/passwd', '%2fetc%2fpasswd', '%2Fetc/passwd', 'file:%2f%2f%2fetc%2fpasswd', 'C:%5cWindows'],
        ...['~/x', 'hello.txt%00.html', 'hello.txt%0a', `${encodeURIComponent(directory)}%2fsecret.txt`],
        ...['leak.txt', 'leak-relative.txt', 'leak-twice.txt', 'leak-folder', 'leak-folder/'],
        ...['leak-folder/secret.txt', 'leak-folder/?format=json', 'leak-root/etc/passwd', 'leak-root/etc/'],
        ...['leak-sibling/secret.txt', '%6ceak.txt', 'leak-folder%2fsecret.txt', 'leak-folder/www/leak.txt'],
        ...encoded.flatMap(name => [name, name.replace('%', '%25')]),
      ]) {
        leaks(await get(`/static/${path}`, { leg }), path);
      }
    });
  });
}

describe('a folder of static files', () => {
  it('is shown by its index.html, and listed if it has none, folders with a slash', async () => {
    await gives('/static/indexed/', '<p>index</p>');
    await gives('/static/', 'href="./hello.txt"');
    await gives('/static/listed/', '>deep/<');
    await gives('/static/listed/deep/', '>a.txt<');
  });

  it('redirects to itself with a slash at its end, with the query, so that its links work', async () => {
    for (const [target, location] of [
      ['/static', '/static/'],
      ['/static?a=b', '/static/?a=b'],
      ['/static/listed', '/static/listed/'],
      ['/static/indexed?a=b', '/static/indexed/?a=b'],
      ['/static/with%20space', '/static/with%20space/'],
    ] as const) {
      const answer = await get(target);
      assert.ok([301, 302, 307, 308].includes(answer.code), `${target}: ${answer.raw}`);
      assert.equal(answer.headers.get('location'), location, target);
    }
  });

  it('is listed with names as text and links that work', async () => {
    const { code, body, headers } = await get('/static/listed/');
    assert.equal(code, 200, body);
    assert.match(headers.get('content-type') ?? '', /^text\/html/);
    assert.doesNotMatch(body, /<img|onerror=alert\(1\)>/);
    const links = [...body.matchAll(/href="([^"]*)"/g)].map(([, href]) => href as string);
    assert.equal(links.length, 3, body);
    assert.deepEqual(links, links.toSorted());
    for (const link of links) {
      const href = link.replaceAll('&#38;', '&').replaceAll('&amp;', '&');
      const { pathname } = new URL(href, 'http://x/static/listed/');
      assert.match(pathname, /^\/static\/listed\/./, link);
      assert.equal((await get(pathname)).code, 200, link);
    }
  });

  it('is listed with its own content type, whatever the query asks for', async () => {
    const queries = ['format=json', 'format=<script>', 'format=html', 'format[]=x', '__proto__=x', 'format='];
    for (const query of queries) {
      const answer = await get(`/static/listed/?${query}`);
      assert.ok(answer.code < 500, `${query}: ${answer.raw}`);
      if (/html/.test(answer.headers.get('content-type') ?? ''))
        assert.doesNotMatch(answer.body, /<img|<script/);
    }
  });

  it('does not redirect to another host', async () => {
    const evil = ['//evil.example/..', '//evil.example', '/%2fevil.example', '//evil.example/%2e%2e'];
    for (const target of [...evil, '//listed', '/\\evil.example']) {
      const answer = await send(proxies.root.port, { target });
      const location = answer.headers.get('location') ?? '';
      assert.ok(answer.code >= 400 || !/^(\/\/|\/\\|http)/.test(location), `${target}: ${answer.raw}`);
    }
  });
});

describe('two prefixes, one within the other', () => {
  it('are distinguished by the longer one', async () => {
    const before = clientRequests(server).length;
    const { root, nested } = proxies;
    for (const [proxy, target, code, body] of [
      [root, '/hello.txt', 200, 'hello world'],
      [root, '/api/v1/namespaces', 200],
      [root, '/api/static.txt', 404],
      [nested, '/k8s/ui/hello.txt', 200, 'hello world'],
      [nested, '/k8s/version', 200],
      [nested, '/hello.txt', 404],
    ] as const) {
      const answer = await send(proxy.port, { target });
      assert.deepEqual([answer.code, body ?? answer.body], [code, answer.body], target);
    }
    const urls = clientRequests(server).map(({ rawUrl }) => rawUrl);
    assert.deepEqual(urls.slice(before), ['/api/v1/namespaces', '/api/static.txt', '/version']);
  });

  it('do not bypass the filter of the API server', async () => {
    const before = clientRequests(server).length;
    const pod = '/%61pi/v1/namespaces/default/pods/web-0/exec';
    for (const target of ['/%2d/api', '/%2d/%61pi', '/-/%61pi', pod, '//api/v1/pods']) {
      const { code } = await send(proxies.root.port, { target });
      assert.ok(code === 404 || code === 403, `${target}: ${code}`);
    }
    const urls = clientRequests(server).map(({ rawUrl }) => rawUrl);
    assert.deepEqual(urls.slice(before), []);
  });
});
