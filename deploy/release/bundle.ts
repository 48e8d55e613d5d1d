import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { bundledPackages } from './bundled-packages.js';

// Makes dist/ of src/: program.js, main.js, which looks at the version of Node.js before it loads that, and the libraries that are loaded
// seldom, each in a folder of its own. What features build stands beside it.

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

/** esbuild writes ASCII alone, but in regular expressions: this package has a µ in one. */
const asciiExpressions: Plugin = {
  name: 'ascii-expressions',
  setup({ onLoad }) {
    onLoad({ filter: /\/cel-js\/lib\/functions\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll('µ', '\\u00b5'),
    }));
  },
};

/** Each is loaded where an option needs it, from a file of its own: program.js would be larger by 1.5 MB of memory. */
const seldom = ['re2js', 'socks', 'undici'];

/** The same for what a feature loads when it is on: all that its libraries.ts names, in one file. */
const ofFeatures = readdirSync('src/features')
  .filter(feature => existsSync(`src/features/${feature}/libraries.ts`))
  .map(feature => ({ name: `${feature}-libraries`, file: `src/features/${feature}/libraries.ts` }));

const loadLater: Plugin = {
  name: 'load-later',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/libraries\.js$/ }, ({ importer }) => {
      const [, feature] = /\/features\/([^/]+)\/[^/]+$/.exec(importer) ?? [];
      return feature === undefined ? undefined : { path: `${feature}-libraries`, external: true };
    });
  },
};

const options = {
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20.18',
  outdir: 'dist',
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  // A start takes 5 % less CPU time than with spaces and comments, and an idle process 1 MB less. Without comments, esbuild writes ASCII
  // alone: one other character would make V8 keep two bytes for each character of a file.
  minifyWhitespace: true,
  // Node prints the whole line of an error that nobody catches.
  lineLimit: 200,
  metafile: true,
  logLevel: 'warning',
  define: { 'import.meta.url': '__url' },
} as const satisfies BuildOptions;

mkdirSync('build/metafiles', { recursive: true });
await bundle('bundle', {
  entryPoints: { program: 'src/main.ts' },
  external: seldom,
  plugins: [leaveOut, asciiExpressions, loadLater],
  supported: { 'dynamic-import': false },
  banner: { js: "'use strict';const __url=require('node:url').pathToFileURL(__filename).href;" },
});
await bundle('libraries', {
  entryPoints: Object.fromEntries([
    ...seldom.map(name => [`${name}/index`, name]),
    ...ofFeatures.map(({ name, file }) => [`${name}/index`, file]),
  ]),
  outdir: 'dist/node_modules',
  sourcemap: false,
});
writeFileSync('dist/main.js', `${readFileSync('src/node-version.cjs', 'utf8')}require('./program.js');\n`, {
  mode: 0o755,
});
writeFileSync('dist/package.json', '{"type":"commonjs"}\n');
writeFileSync('dist/THIRD-PARTY-LICENSES', licences());

async function bundle(name: string, own: BuildOptions): Promise<void> {
  const { metafile } = await build({ ...options, ...own, metafile: true });
  writeFileSync(`build/metafiles/${name}.json`, JSON.stringify(metafile));
}

/** The licences of all packages of which something is in dist/. */
function licences(): string {
  const texts = bundledPackages().map(({ name, version, license, folder }) => {
    const files = readdirSync(folder).filter(file => /^(licen[cs]e|notice|copying)/i.test(file));
    const text = files.map(file => readFileSync(`${folder}/${file}`, 'utf8').trim()).join('\n\n');
    return `${name} ${version} (${license})\n\n${text}`.trim();
  });
  return `${texts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}
