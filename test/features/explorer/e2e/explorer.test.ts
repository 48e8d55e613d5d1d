import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { send } from '../../../support/clients/http-client.js';
import { hasScript, seen, startInTerminal } from '../../../support/clients/kubectl.js';
import { embeddedApiServer } from '../../../support/embedded-api-server.js';
import { projectFile } from '../../../support/project.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';

const scope = { after };
const server = await embeddedApiServer(scope);
const { proxy, kubeconfig } = await startStack(scope, { server, flags: ['--api-prefix=/k8s/'] });
const { port } = proxy;
const page = await send(port, '/-/ui/');
const script = /src="(main-[^"]+\.js)"/.exec(page.text)?.[1] as string;

describe('the page', () => {
  it('is HTML that names its files by a hash of their content, and has no script or style of its own', () => {
    assert.equal(page.status, 200);
    assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
    assert.match(page.text, /<link rel="stylesheet" href="main-[A-Z0-9]+\.css">/);
    assert.match(page.text, /<script type="module" src="main-[A-Z0-9]+\.js"><\/script>/);
    assert.doesNotMatch(page.text, /<style|<script>|\sstyle=|\son[a-z]+=/);
  });

  it('may load nothing but its own files and this origin, run nothing inline, and not be framed', () => {
    const policy = new Map(
      (page.headers['content-security-policy'] as string)
        .split('; ')
        .map(directive => directive.split(/ (.*)/, 2) as [string, string]),
    );
    assert.equal(policy.get('default-src'), "'none'");
    for (const source of ['script-src', 'style-src', 'connect-src', 'img-src'])
      assert.equal(policy.get(source), "'self'", source);
    for (const none of ['frame-ancestors', 'base-uri', 'form-action'])
      assert.equal(policy.get(none), "'none'", none);
    assert.equal(policy.get('require-trusted-types-for'), "'script'");
    assert.equal(page.headers['x-content-type-options'], 'nosniff');
    assert.equal(page.headers['referrer-policy'], 'no-referrer');
    assert.equal(page.headers['cross-origin-opener-policy'], 'same-origin');
  });

  it('is sent in the smallest coding that the client accepts, and is revalidated by the ETag of each', async () => {
    const plain = await send(port, `/-/ui/${script}`);
    const tags = new Set<string | undefined>();
    for (const [accept, coding, decode] of [
      ['', undefined, (body: Buffer) => body],
      ['gzip, br;q=0', 'gzip', gunzipSync],
      ['gzip, deflate, br, zstd', 'br', brotliDecompressSync],
    ] as const) {
      const headers = { 'Accept-Encoding': accept };
      const coded = await send(port, `/-/ui/${script}`, { headers });
      const { etag = '', vary, 'content-encoding': named } = coded.headers;
      assert.deepEqual([named, vary, decode(coded.body)], [coding, 'Accept-Encoding', plain.body]);
      tags.add(etag);
      for (const path of [`/-/ui/${script}`, '/-/ui/']) {
        const { headers: first } = await send(port, path, { headers });
        const ifNoneMatch = { ...headers, 'If-None-Match': first.etag ?? '' };
        const again = await send(port, path, { headers: ifNoneMatch });
        assert.deepEqual([again.status, again.text, again.headers.etag], [304, '', first.etag]);
      }
    }
    assert.equal(tags.size, 3);
    assert.equal(page.headers['cache-control'], 'no-cache');
    assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable');
  });

  it('takes at most 83 KB on its way to a browser, with all parts that are loaded later, and answers HEAD without the body', async () => {
    const folder = projectFile('dist/explorer');
    const names = (await readdir(folder)).filter(name => name.endsWith('.gz'));
    const sizes = await Promise.all(names.map(async name => (await stat(join(folder, name))).size));
    const sum = sizes.reduce((total, size) => total + size, 0);
    assert.ok(sum > 30_000 && sum < 83_230, `${sum} bytes`);
    const { status, headers, text } = await send(port, '/-/ui/', { method: 'HEAD' });
    assert.deepEqual([status, text, headers.etag], [200, '', page.headers.etag]);
  });

  it('is found without its final slash, and has only its files below it', async () => {
    const { status, headers } = await send(port, '/-/ui?x');
    assert.deepEqual([status, headers.location], [301, 'ui/']);
    for (const path of [
      ...['/-/ui/index.html', '/-/ui/main.js', '/-/ui/tsconfig.json', '/-/UI/'],
      ...[`/-/ui/${script}.br`, `/-/ui//${script}`, `/-/ui/x/${script}`, '/-/ui/constructor'],
    ])
      assert.equal((await send(port, path)).status, 404, path);
    for (const path of ['../../../package.json', '/-/ui/%2e%2e%2fmain.js'])
      assert.equal((await send(port, path)).status, 400, path);
    assert.equal((await send(port, '/-/ui/', { method: 'POST' })).status, 404);
    assert.ok((await server.arrivals()).every(({ target }) => !target.includes('ui')));
  });
});

describe('--explorer=false', () => {
  it('removes the page, and its line in the index', async t => {
    const other = await startInProcess(t, [`--kubeconfig=${kubeconfig}`, '--explorer=false']);
    for (const path of ['/-/ui/', '/-/ui', '/-/ui/x'])
      assert.equal((await send(other.port, path)).status, 404);
    const { status, text } = await send(other.port, '/-/');
    assert.equal(status, 200);
    assert.doesNotMatch(text, /ui/);
  });
});

it('a person who starts the program at a terminal is told the URL of the page, and a log is not', {
  skip: hasScript ? false : 'script is not in PATH',
}, async t => {
  const command = `exec ${process.execPath} ${projectFile('dist/main.js')} --port=0 --kubeconfig=${kubeconfig}`;
  const terminal = startInTerminal(command, {});
  t.after(() => terminal.kill());
  await seen(terminal, /the API in the browser\s.*http:\/\/127\.0\.0\.1:\d+\/-\/ui\//s);
  assert.doesNotMatch(proxy.stderr(), /the API in the browser/);
});
