import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { bundledPackages } from './bundled-packages.js';

// Makes dist/ of src/: main.js, which starts program.js, and the libraries that are loaded seldom, each in a folder of its own.

/**
 * What packages import for options that this program never sets, and what stands in its place. All together it would be 14 MB of an idle
 * process.
 */
const unused: Readonly<Record<string, Readonly<Record<string, object>>>> = {
  '@fastify/http-proxy': { ws: {} },
  '@fastify/reply-from': { undici: {}, 'node:http2': { constants: {} } },
  fastify: {
    'node:http2': {},
    '@fastify/ajv-compiler': {},
    '@fastify/fast-json-stringify-compiler': {},
    'light-my-request': {},
  },
  pino: { './transport': {}, './lib/transport': {}, worker_threads: { isMainThread: true } },
  'prom-client': { './lib/pushgateway': {}, '@opentelemetry/api': {} },
};

const leaveOut: Plugin = {
  name: 'leave-out',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /./ }, ({ path, importer }) => {
      const name = /.*\bnode_modules\/((?:@[^/]+\/)?[^/]+)/.exec(importer)?.[1] ?? '';
      const exports = unused[name]?.[path];
      return exports && { path: `${name}/${path}`, namespace: 'unused', pluginData: exports };
    });
    onLoad({ filter: /./, namespace: 'unused' }, ({ pluginData }) => ({
      contents: JSON.stringify(pluginData),
      loader: 'json',
    }));
  },
};

/** Each is loaded where an option needs it, from a file of its own: program.js would be larger by 1.5 MB of memory. */
const seldom = ['re2js', 'socks', 'undici'];

const options = {
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20.18',
  outdir: 'dist',
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  define: { 'import.meta.url': '__url' },
} as const satisfies BuildOptions;

mkdirSync('build', { recursive: true });
await bundle('launcher', {
  entryPoints: { main: 'src/launcher.ts' },
  banner: { js: "const __url=require('node:url').pathToFileURL(__filename).href;" },
});
await bundle('bundle', {
  entryPoints: { program: 'src/main.ts' },
  external: seldom,
  plugins: [leaveOut],
  supported: { 'dynamic-import': false },
  // One function, both as a script and as a module: see src/launcher.ts.
  banner: {
    js: "(typeof module==='undefined'?{}:module).exports=(require,__file)=>{'use strict';const __url=require('node:url').pathToFileURL(__file).href;",
  },
  footer: { js: '}' },
});
await bundle('libraries', {
  entryPoints: Object.fromEntries(seldom.map(name => [`${name}/index`, name])),
  outdir: 'dist/node_modules',
  sourcemap: false,
});
writeFileSync('dist/package.json', '{"type":"commonjs"}\n');
const metafiles = ['bundle', 'libraries', 'explorer'].map(name => `build/${name}.json`);
writeFileSync('dist/THIRD-PARTY-LICENSES', licences(metafiles));
await bundle('make-code-cache', {
  entryPoints: ['deploy/release/make-code-cache.ts'],
  outdir: 'build',
  outExtension: { '.js': '.cjs' },
});
// With a seed of its own, V8 makes the same bytes of the same sources.
execFileSync(process.execPath, ['--random-seed=1', 'build/make-code-cache.cjs'], {
  env: {},
  stdio: 'pipe',
  timeout: 600_000,
});

async function bundle(name: string, own: BuildOptions): Promise<void> {
  const { metafile } = await build({ ...options, ...own, metafile: true });
  writeFileSync(`build/${name}.json`, JSON.stringify(metafile));
  for (const file of Object.keys(metafile.outputs)) if (file.endsWith('.js')) makeAscii(file);
}

/** One other character makes V8 keep two bytes for each character of a file. esbuild leaves such characters in comments. */
function makeAscii(file: string): void {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .map(line => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what ASCII is
      const ascii = line.replace(/[^\x00-\x7f]/g, '?');
      if (ascii !== line && !/^\s*(?:\/\*|\*)|\/\/ /.test(line))
        throw new Error(`${file}: not ASCII: ${line}`);
      return ascii;
    });
  writeFileSync(file, lines.join('\n'));
}

/** The licences of all packages of which something is in dist/. */
function licences(metafiles: readonly string[]): string {
  const texts = bundledPackages(metafiles).map(({ name, version, license, folder }) => {
    const files = readdirSync(folder).filter(file => /^(licen[cs]e|notice|copying)/i.test(file));
    const text = files.map(file => readFileSync(`${folder}/${file}`, 'utf8').trim()).join('\n\n');
    return `${name} ${version} (${license})\n\n${text}`.trim();
  });
  return `${texts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}
