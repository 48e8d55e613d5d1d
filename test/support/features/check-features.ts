import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { importedBy } from '../imported.js';
import { projectFile } from '../project.js';

// Proves that each feature can be taken out: in a copy of the project, its folder, its tests and its two lines of features.ts are deleted,
// and the program and the tests that are left have to type-check. Then all of them are deleted at once. With --run the core that is left is
// built then, and has to start, and to pass its tests. There a method of the tests makes callers. And that a feature can be added: the
// example of CONTRIBUTING.md has to pass the compiler and the linter.

const list = 'src/features.ts';
/** What features share: it goes with the last of them. */
const common = 'common';
/** Tests of the chart, of manifests and of documents, which are about several features. */
const aboutDocuments = ['test/deploy', 'test/project'];

/** Tests that a core without features does not run: those of the tests' own tools, and those of the built program where no feature joins it. */
const notRun = /^(?:bench|support|endurance|apiserver|e2e\/(?:clusters|credentials|transport))\//;
/** Tests that reach none of these see the same code with features and without, so they are not run either. */
const reachesFeatures = ['src/features.ts', 'test/support/project.ts', 'node:child_process'];

/** The steps of a core without features, in its folder; each has to end with 0. */
const steps: Readonly<Record<string, (copy: string) => readonly string[]>> = {
  'its bundle': () => ['tsx', 'deploy/release/bundle.ts'],
  '--version': () => ['node', 'dist/main.js', '--version'],
  '--help': () => ['node', 'dist/main.js', '--help'],
  'its compiled tests': () => ['tsc', '-p', 'test/tsconfig.json', '--noEmit', 'false'],
  'the groups of its tests': copy => [
    ...['node', 'build/test/support/write-groups.js'],
    ...readdirSync(join(copy, 'test'), { recursive: true, encoding: 'utf8' })
      .filter(file => file.endsWith('.test.ts') && !notRun.test(file) && mayDiffer(join('test', file)))
      .map(file => join('build/test', file.replace(/ts$/, 'js'))),
  ],
  'its tests': copy => [
    ...['node', '--enable-source-maps', '--test', '--test-reporter=tap', '--test-timeout=600000'],
    '--test-concurrency=6',
    ...readdirSync(join(copy, 'build/groups')).map(file => join('build/groups', file)),
  ],
};

const names = readdirSync(projectFile('src/features')).filter(name => name !== common);
const failures = [
  ...names.flatMap(name => problemsWithout([name], aboutDocuments)),
  ...problemsWithout(
    [...names, common],
    [...aboutDocuments, 'test/together'],
    process.argv.includes('--run') ? coreProblems : undefined,
  ),
  ...problemsOfExample(),
];
for (const failure of failures) process.stderr.write(`${failure}\n`);
if (failures.length > 0) process.exitCode = 1;
else process.stdout.write(`each of ${names.length} features can be taken out: ${names.join(', ')}\n`);

/** Whether a test may see another program without features. */
function mayDiffer(test: string): boolean {
  const imported = importedBy(test, ['src/', 'test/']);
  return reachesFeatures.some(name => imported.has(name));
}

/** What does not type-check without these features; one sentence for each import that stands in the way. If all does, `more` looks on. */
function problemsWithout(
  taken: readonly string[],
  others: readonly string[],
  more: (copy: string) => readonly string[] = () => [],
): readonly string[] {
  return inCopy(copy => {
    const folders = taken.flatMap(name => [`src/features/${name}`, `test/features/${name}`]);
    for (const path of [...folders, ...others]) rmSync(join(copy, path), { recursive: true, force: true });
    changeList(copy, text =>
      withoutLines(
        text,
        taken.filter(name => name !== common),
      ),
    );
    const errors = errorsOf(copy, 'tsc', ['-p', 'test/tsconfig.json', '--pretty', 'false']);
    if (errors.length === 0) return more(copy);
    const what = taken.length === 1 ? `the feature ${taken[0]}` : 'all features together';
    return errors.map(line => `${what} cannot be taken out: ${sentenceOf(line)}`);
  });
}

/** What is wrong with the feature that CONTRIBUTING.md shows. The first line of its code names its file. */
function problemsOfExample(): readonly string[] {
  const document = readFileSync(projectFile('CONTRIBUTING.md'), 'utf8');
  const [, code = '', file = '', folder = ''] =
    /^```ts\n(\/\/ (src\/features\/([\w-]+)\/feature\.ts)\n[\s\S]*?)^```$/m.exec(document) ?? [];
  const [, variable] = /^export const (\w+) =/m.exec(code) ?? [];
  if (variable === undefined) return ['CONTRIBUTING.md has no example of a feature'];
  return inCopy(copy => {
    mkdirSync(dirname(join(copy, file)));
    writeFileSync(join(copy, file), code);
    changeList(copy, text =>
      `import { ${variable} } from './features/${folder}/feature.js';\n${text}`.replace(
        /(?=\n\] as const)/,
        `\n  ${variable},`,
      ),
    );
    return [
      ...errorsOf(copy, 'tsc', ['-p', 'tsconfig.json', '--pretty', 'false']),
      ...errorsOf(copy, 'biome', ['check', '--vcs-enabled=false', '--error-on-warnings', file]),
    ].map(line => `the example of CONTRIBUTING.md is wrong: ${line}`);
  });
}

/** Runs a function in the root of a copy of the project. */
function inCopy<T>(run: (copy: string) => T): T {
  const copy = mkdtempSync(join(tmpdir(), 'features-'));
  try {
    for (const part of ['src', 'test', 'deploy/release', 'package.json', 'tsconfig.json', 'biome.json'])
      cpSync(projectFile(part), join(copy, part), { recursive: true });
    symlinkSync(projectFile('node_modules'), join(copy, 'node_modules'));
    return run(copy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** The first step that fails in a core without features, in one sentence. */
function coreProblems(copy: string): readonly string[] {
  const method = "import { callersMethod } from '../test/support/features/callers-method.js';\n";
  writeFileSync(join(copy, list), `${method}\nexport const features = [callersMethod] as const;\n`);
  const PATH = `${projectFile('node_modules/.bin')}:${process.env['PATH']}`;
  for (const [what, step] of Object.entries(steps)) {
    const [command = '', ...args] = step(copy);
    const options = {
      cwd: copy,
      encoding: 'utf8',
      env: { ...process.env, PATH },
      maxBuffer: 2 ** 28,
    } as const;
    const run = spawnSync(command, args, options);
    if (run.status === 0) continue;
    const test = /^ *not ok \d+ - (.*)$/m.exec(run.stdout)?.[1];
    const reason = test === undefined ? run.stderr.trim().split('\n')[0] : `the test "${test}" fails`;
    return [`${what} of the core without features: ${reason}`];
  }
  return [];
}

function changeList(copy: string, change: (text: string) => string): void {
  writeFileSync(join(copy, list), change(readFileSync(join(copy, list), 'utf8')));
}

/** The lines of a tool's output that are about errors, or all of them if none is; none if the tool has no complaint. */
function errorsOf(copy: string, tool: string, args: readonly string[]): readonly string[] {
  const { status, stdout, stderr } = spawnSync(projectFile(`node_modules/.bin/${tool}`), args, {
    cwd: copy,
    encoding: 'utf8',
  });
  if (status === 0) return [];
  const lines = `${stdout}${stderr}`.split('\n').filter(line => line.trim() !== '');
  const errors = lines.filter(line => line.includes(': error '));
  return errors.length > 0 ? errors : lines;
}

/** `features.ts` without the imports of features, and without their names in the list. */
function withoutLines(text: string, taken: readonly string[]): string {
  return taken.reduce((left, name) => {
    const [line = '', variable = ''] =
      new RegExp(`^import \\{ (\\w+) \\} from '\\./features/${name}/feature\\.js';\n`, 'm').exec(left) ?? [];
    if (line === '' || !existsSync(projectFile(`src/features/${name}/feature.ts`)))
      throw new Error(`${list} has no import of ${name}`);
    return left.replace(line, '').replace(new RegExp(`\\b${variable}\\b(?:,\\s*)?`), '');
  }, text);
}

/** Which import stands in the way, if the compiler's error is about one. */
function sentenceOf(error: string): string {
  const [, file, imported] = /^(.*?)\(.*TS2307: Cannot find module '(.*?)'/.exec(error) ?? [];
  return file === undefined ? error : `${file} imports ${imported}`;
}
