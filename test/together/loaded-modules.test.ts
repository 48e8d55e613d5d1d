import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { createIdToken } from '../support/identities/oidc-issuer.js';
import { projectFile } from '../support/project.js';
import { type KubeconfigFile, writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { startProxy } from '../support/proxy/proxy.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const servingFiles = await createServingFiles();
const folder = temporaryFolder();
const issuers = join(folder, 'issuers.json');
await writeFile(
  issuers,
  JSON.stringify({
    ...{ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration' },
    jwt: [
      {
        issuer: { url: 'https://127.0.0.1:1', audiences: ['test'] },
        claimMappings: { username: { expression: 'claims.sub' } },
      },
    ],
  }),
);

/** Modules that most processes never need (together some megabytes of resident memory), and settings that need them. */
const seldom: readonly {
  readonly names: readonly string[];
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
}[] = [
  {
    names: ['jose', 'undici', 're2js', 'socks', 'node:http2'],
    args: [
      ...['--oidc-issuer-url=https://127.0.0.1:1', '--oidc-client-id=test'],
      ...['--accept-hosts=^gw\\.example$', ...servingFiles.flags],
    ],
    env: { HTTPS_PROXY: 'socks5://127.0.0.1:1' },
  },
  {
    names: ['@opentelemetry/api', '@opentelemetry/sdk-trace'],
    args: ['--tracing-endpoint=http://127.0.0.1:1'],
  },
  { names: ['@marcbachmann/cel-js'], args: [`--authentication-config=${issuers}`] },
];

/** Modules that the packages in the bundle import and never use here. */
const never = ['ajv', 'fast-uri', 'light-my-request', 'thread-stream', 'ws'];

let kubeconfig: KubeconfigFile;

before(async () => {
  // This server does not exist, and is not needed.
  kubeconfig = await writeKubeconfig({
    server: 'https://api.invalid:6443',
    token: createIdToken(new Date(2100, 0)),
  });
});

test('rarely used modules are not loaded', async () => {
  const loaded = await loadedPackages();
  for (const expected of ['fastify', 'pino', 'yaml', 'src/proxy', 'node:tls'])
    assert.ok(loaded.has(expected), expected);
  for (const unexpected of [...seldom.flatMap(({ names }) => names), ...never])
    assert.ok(!loaded.has(unexpected), unexpected);
});

test('unneeded code is not in the bundle', async () => {
  const { bundled } = await readBundle();
  const packages = new Set(bundled.map(nameOf));
  for (const expected of ['fastify', '@fastify/http-proxy', 'jose'])
    assert.ok(packages.has(expected), expected);
  for (const unexpected of never) assert.ok(!packages.has(unexpected), unexpected);
});

for (const { names, args, env } of seldom) {
  test(`${names.join(', ')} are loaded at the start if they are needed`, async () => {
    const loaded = await loadedPackages(args, env);
    for (const name of names) assert.ok(loaded.has(name), name);
  });
}

/** The package, or the folder of src, of a module or a script. */
function nameOf(module: string): string | undefined {
  return /.*\bnode_modules\/((?:@[^/]+\/)?[^/]+)/.exec(module)?.[1] ?? /^src\/[^/]+/.exec(module)?.[0];
}

/** The modules in dist/program.js, and those that run when it is loaded. Each of the others is a function with its name. */
async function readBundle(): Promise<{ readonly bundled: string[]; readonly atOnce: string[] }> {
  const { outputs } = JSON.parse(await readFile(projectFile('build/metafiles/bundle.json'), 'utf8')) as {
    outputs: Record<string, { inputs: Record<string, unknown> }>;
  };
  const bundled = Object.keys(outputs['dist/program.js']?.inputs ?? {});
  // esbuild breaks long lines, also inside of strings.
  const text = (await readFile(projectFile('dist/program.js'), 'utf8')).replace(/\\?\n/g, '');
  return { bundled, atOnce: bundled.filter(module => !text.includes(`"${module}"(`)) };
}

/**
 * The packages, the folders of src and the modules of Node from which code ran before the program served. V8's coverage names the scripts
 * that were loaded, and their functions that ran.
 */
async function loadedPackages(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Set<string | undefined>> {
  const directory = temporaryFolder();
  const [probe, builtins] = [join(directory, 'probe.cjs'), join(directory, 'builtins.json')];
  const code = `require('fs').writeFileSync(${JSON.stringify(builtins)}, JSON.stringify(process.moduleLoadList))`;
  await writeFile(probe, `process.on('exit', () => ${code});`);
  const proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`, ...args], {
    ...env,
    NODE_V8_COVERAGE: directory,
    NODE_OPTIONS: `--require=${probe}`,
  });
  await proxy.stop();
  const [file, ...others] = (await readdir(directory)).filter(name => name.startsWith('coverage-'));
  assert.deepEqual(others, []);
  const { result } = JSON.parse(await readFile(join(directory, file ?? ''), 'utf8')) as {
    result: { url: string; functions: { functionName: string; ranges: { count: number }[] }[] }[];
  };
  const ran = result.flatMap(({ url, functions }) => [
    url,
    ...functions
      .filter(({ ranges }) => ranges.some(({ count }) => count > 0))
      .map(({ functionName }) => functionName),
  ]);
  const ofNode = JSON.parse(await readFile(builtins, 'utf8')) as string[];
  return new Set([
    ...[...ran, ...(await readBundle()).atOnce].map(nameOf),
    ...ofNode.map(name => name.replace(/^NativeModule /, 'node:')),
  ]);
}
