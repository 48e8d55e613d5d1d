import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { send } from '../../../support/clients/http-client.js';
import { hasScript, seen, startInTerminal } from '../../../support/clients/kubectl.js';
import { embeddedApiServer } from '../../../support/embedded-api-server.js';
import { projectFile } from '../../../support/project.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startProxyFor } from '../../../support/proxy/proxy.js';
import { startStack } from '../../../support/proxy/stack.js';

const scope = { after };
const server = await embeddedApiServer(scope);
const { proxy, kubeconfig } = await startStack(scope, {
  run: startProxyFor,
  server,
  flags: ['--api-prefix=/k8s/'],
});
const { port } = proxy;
const page = await send(port, '/-/ui/');

/** A file of the page, as the build describes it. */
interface BuiltFile {
  readonly entryPoint?: string;
  readonly imports: readonly { readonly path: string; readonly kind: string }[];
}

/** A file and all that it imports, without what it loads later. */
function withImports(name: string, outputs: Readonly<Record<string, BuiltFile>>): readonly string[] {
  const found = new Set([name]);
  for (const file of found)
    for (const { path, kind } of outputs[file]?.imports ?? [])
      if (kind === 'import-statement') found.add(path);
  return [...found];
}

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

  it('has a first load and later parts of bounded sizes on their way to a browser, and answers HEAD without a body', async () => {
    const { outputs } = JSON.parse(await readFile(projectFile('build/metafiles/explorer.json'), 'utf8')) as {
      readonly outputs: Readonly<Record<string, BuiltFile>>;
    };
    const part = (entry: string): readonly string[] => {
      const [name] =
        Object.entries(outputs).find(([, { entryPoint = '' }]) => entryPoint.endsWith(entry)) ?? [];
      return withImports(name ?? assert.fail(`${entry} is no file of its own`), outputs);
    };
    const first = ['index.html', ...part('page/main.tsx'), ...part('main.css'), ...part('icon.svg')];
    const bounds: Readonly<Record<string, readonly [gzip: number, brotli: number]>> = {
      // A tenth more than before the page had namespaces to choose, a page for clusters that are down, and parts of logs.
      'main.tsx': [55_111, 48_439],
      'sign-in/issuer.ts': [8_700, 7_800],
      'text/yaml-lines.ts': [19_300, 17_400],
      'views/access-view.tsx': [2_500, 2_200],
      'views/fields-view.tsx': [1_300, 1_200],
      'views/log-view.tsx': [4_200, 3_800],
    };
    const entries = Object.values(outputs).flatMap(({ entryPoint }) => entryPoint ?? []);
    assert.deepEqual(
      entries.filter(entry => entry.endsWith('.ts') || entry.endsWith('.tsx')).sort(),
      Object.keys(bounds)
        .map(entry => `src/features/explorer/page/${entry}`)
        .sort(),
    );
    for (const [entry, [gzip, brotli]] of Object.entries(bounds)) {
      const files = entry === 'main.tsx' ? first : part(entry).filter(name => !first.includes(name));
      assert.ok(files.length > 0, entry);
      for (const [end, bound] of [
        ['gz', gzip],
        ['br', brotli],
      ] as const) {
        const sizes = files.map(
          async name => (await stat(join(projectFile('dist/explorer'), `${basename(name)}.${end}`))).size,
        );
        const sum = (await Promise.all(sizes)).reduce((total, size) => total + size, 0);
        assert.ok(sum > bound / 2 && sum <= bound, `${entry}: ${sum} bytes of ${end}, at most ${bound}`);
      }
    }
    const { status, headers, text } = await send(port, '/-/ui/', { method: 'HEAD' });
    assert.deepEqual([status, text, headers.etag], [200, '', page.headers.etag]);
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
