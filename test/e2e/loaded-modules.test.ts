import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { type KubeconfigFile, writeKubeconfig } from '../support/kubeconfig-file.js';
import { createIdToken } from '../support/oidc-issuer.js';
import { projectFile } from '../support/project.js';
import { startProxy } from '../support/proxy.js';

/** What most processes never need, some megabytes of resident memory together; and the arguments of those that do. */
const seldom: Readonly<Record<string, { readonly args?: string[]; readonly env?: Record<string, string> }>> =
  {
    jose: { args: ['--oidc-issuer-url=https://127.0.0.1:1', '--oidc-client-id=test'] },
    re2js: { args: ['--accept-hosts=^gw\\.example$'] },
    pbf: { args: ['--share-watches'] },
    socks: { env: { HTTPS_PROXY: 'socks5://127.0.0.1:1' } },
    '@fastify/send': { args: [`--www=${tmpdir()}`] },
  };

let kubeconfig: KubeconfigFile;

before(async () => {
  // There is no such server, and no need of one.
  kubeconfig = await writeKubeconfig({
    server: 'https://api.invalid:6443',
    token: createIdToken(new Date(2100, 0)),
  });
});

after(() => kubeconfig.remove());

test('what few need is not loaded', async t => {
  const loaded = await loadedPackages(t, {});
  for (const expected of ['fastify', 'pino', 'yaml']) assert.ok(loaded.has(expected), expected);
  for (const unexpected of [...Object.keys(seldom), 'ajv', 'src/workers'])
    assert.ok(!loaded.has(unexpected), unexpected);
});

for (const [name, settings] of Object.entries(seldom)) {
  test(`${name} is loaded at the start where it is needed`, async t => {
    assert.ok((await loadedPackages(t, settings)).has(name));
  });
}

/**
 * The packages, and the folders of src, of which something ran until the program served. V8's coverage names every script that was
 * loaded; the bundle's metafile names the modules in it, and a CommonJS module in the bundle is a function with the module's name.
 */
async function loadedPackages(
  t: TestContext,
  { args = [], env = {} }: { readonly args?: string[]; readonly env?: Record<string, string> },
): Promise<Set<string>> {
  const directory = await mkdtemp(join(tmpdir(), 'coverage-'));
  t.after(() => rm(directory, { recursive: true }));
  const proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`, ...args], {
    ...env,
    NODE_V8_COVERAGE: directory,
  });
  await proxy.stop();
  const [file, ...others] = await readdir(directory);
  assert.deepEqual(others, []);
  const { result } = JSON.parse(await readFile(join(directory, file ?? ''), 'utf8')) as {
    result: { url: string; functions: { functionName: string; ranges: { count: number }[] }[] }[];
  };
  const { inputs, outputs } = JSON.parse(await readFile(projectFile('build/bundle.json'), 'utf8')) as {
    inputs: Record<string, { format?: 'cjs' | 'esm' }>;
    outputs: Record<string, { inputs: Record<string, unknown> }>;
  };
  const modules = result.flatMap(({ url, functions }) => {
    const bundled = Object.keys(outputs[`dist/${basename(url)}`]?.inputs ?? {});
    const ran = functions.filter(({ ranges }) => ranges.some(({ count }) => count > 0));
    return [
      url,
      ...bundled.filter(module => inputs[module]?.format === 'esm'),
      ...ran.map(({ functionName }) => functionName),
    ];
  });
  const names = modules.map(
    name => /.*\bnode_modules\/((?:@[^/]+\/)?[^/]+)/.exec(name)?.[1] ?? /^src\/[^/]+/.exec(name)?.[0],
  );
  return new Set(names.filter(name => name !== undefined));
}
