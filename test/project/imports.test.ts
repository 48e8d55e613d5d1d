import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { projectFile } from '../support/project.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** A project with the linter's configuration, and files that break its rules. */
const files: Readonly<Record<string, string>> = {
  'src/main.ts': "import './transport/pool.js';\n",
  'src/kubernetes/allowed.ts': "import '../http/header-fields.js';\n",
  'src/kubernetes/value.ts': "import '../proxy/headers.js';\n",
  'src/kubernetes/type.ts': "import type { A } from '../proxy/headers.js';\nexport type B = A;\n",
  'src/kubernetes/inline-type.ts': "export type A = import('../proxy/headers.js').A;\n",
  'src/kubernetes/again.ts': "export { a } from '../proxy/headers.js';\n",
  'src/kubernetes/all.ts': "export * from '../proxy/headers.js';\n",
  'src/kubernetes/late.ts': "export const late = () => import('../proxy/headers.js');\n",
  'src/transport/http1/connection.ts': "import '../pool.js';\nimport '../../proxy/headers.js';\n",
  'src/features/one/feature.ts':
    "import '../../guard/guard.js';\nimport '../common/list.js';\nimport '../two/feature.js';\nimport '../../server/mounts.js';\n",
  'src/features/one/inner/value.ts':
    "import '../../../guard/guard.js';\nimport '../../common/list.js';\nimport '../../two/value.js';\nimport '../../../server/mounts.js';\n",
  'src/features/common/list.ts': "import '../../lib/clock.js';\nimport '../two/feature.js';\n",
  'src/guard/guards.ts': "import '../features.js';\nimport '../features/common/list.js';\n",
  'src/features/one/page/main.tsx':
    "import './api/client.js';\nimport '../options.js';\nimport '../../../lib/clock.js';\n",
  'src/features/one/page/views/view.tsx':
    "import '../api/client.js';\nimport '../../options.js';\nimport '../../../../lib/clock.js';\n",
  'src/unheard-of/a.ts': "import '../lib/clock.js';\n",
  'src/lib/one.ts': "import type { Two } from './two.js';\nexport type One = { readonly two?: Two };\n",
  'src/lib/two.ts': "import type { One } from './one.js';\nexport type Two = { readonly one?: One };\n",
  'src/lib/long.ts': `${'// One line\n'.repeat(300)}export {};\n`,
  'test/kubernetes/value.test.ts': "import '../proxy/headers.js';\nimport '../../src/proxy/headers.js';\n",
};

describe('the linter', () => {
  const temporary = temporaryFolder();
  // Checkouts are often below a folder with that name, and their test/ is not source code.
  const folder = join(temporary, 'src/project');
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  for (const name of ['biome.json', 'src/imports.grit']) copyFileSync(projectFile(name), join(folder, name));
  const biome = projectFile('node_modules/.bin/biome');
  const { status, stdout } = spawnSync(
    biome,
    ['lint', '--vcs-enabled=false', '--reporter=github', '--max-diagnostics=none'],
    { cwd: folder, encoding: 'utf8' },
  );
  const found = stdout
    .split('\n')
    .map(line => /title=([^,]*),file=.*?\/src\/project\/([^,]*),.*::(.*)/.exec(line)?.slice(1))
    .filter(match => match !== undefined);

  it('fails', () => assert.notEqual(status, 0, stdout));

  it('reports each import from a folder that src/imports.grit does not allow, in any form', () => {
    const importsOf = (from: string, files: readonly string[], ...targets: readonly string[]) =>
      files.flatMap(file =>
        targets.map(
          to => `${file}: ${from} must not import from src/${to}: src/imports.grit does not allow it`,
        ),
      );
    const [one, page] = ['src/features/one', 'src/features/one/page'];
    const forms = ['again', 'all', 'inline-type', 'late', 'type', 'value'];
    assert.deepEqual(
      found.filter(([rule]) => rule === 'plugin').map(([, file, message]) => `${file}: ${message}`),
      [
        ...importsOf('src/features', ['src/features/common/list.ts'], 'two'),
        ...importsOf('src/features', [`${one}/feature.ts`, `${one}/inner/value.ts`], 'two', 'server'),
        ...importsOf(page, [`${page}/main.tsx`, `${page}/views/view.tsx`], 'options.js', 'lib'),
        ...importsOf('src/guard', ['src/guard/guards.ts'], 'features.js', 'features'),
        ...importsOf(
          'src/kubernetes',
          forms.map(name => `src/kubernetes/${name}.ts`),
          'proxy',
        ),
        ...importsOf('src/main.ts', ['src/main.ts'], 'transport'),
        ...importsOf('src/transport', ['src/transport/http1/connection.ts'], 'proxy'),
        ...importsOf('src/unheard-of', ['src/unheard-of/a.ts'], 'lib'),
      ],
    );
  });

  it('reports a file of more than 300 lines', () => {
    assert.deepEqual(
      found.filter(([rule]) => rule === 'lint/style/noExcessiveLinesPerFile').map(([, file]) => file),
      ['src/lib/long.ts'],
    );
  });

  it('reports two files that import from each other, even only types', () => {
    assert.deepEqual(
      found.filter(([rule]) => rule === 'lint/suspicious/noImportCycles').map(([, file]) => file),
      ['src/lib/one.ts', 'src/lib/two.ts'],
    );
  });
});

describe('the list of imports', () => {
  const rows = [
    ...readFileSync(projectFile('src/imports.grit'), 'utf8').matchAll(/r"(\S+) -> \(\?:(\S+)\)"/g),
  ];
  const [list = ''] = readFileSync(projectFile('CONTRIBUTING.md'), 'utf8').split('## The features');
  /** The folders, from the highest to the lowest. */
  const order = [...list.matchAll(/^- `([a-z-]+(?:\.ts)?)\/?`: /gm)].map(([, folder = '']) => folder);

  it('lets each folder import only from folders below it', () => {
    assert.ok(rows.length > 10);
    for (const [row, from = '', to = ''] of rows) {
      // The one folder of src/features/ from which the others may import.
      for (const target of to.split('|').filter(target => target !== 'common'))
        assert.ok(order.indexOf(from) < order.indexOf(target.replace(/\.js$/, '.ts')), `${target} in ${row}`);
    }
  });

  it('has its rows in the order of CONTRIBUTING.md, which describes every folder', () => {
    const importers = rows.map(([, from = '']) => from);
    assert.deepEqual(
      importers,
      order.filter(folder => importers.includes(folder)),
    );
    const folders = readdirSync(projectFile('src'), { withFileTypes: true })
      .filter(entry => entry.isDirectory() || entry.name.endsWith('.ts'))
      .map(({ name }) => name);
    assert.deepEqual([...folders].sort(), [...order].sort());
  });
});
