import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { cp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import * as nodeModule from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { send } from '../support/clients/http-client.js';
import { startFakeApiServer } from '../support/fake-api-server/fake-api-server.js';
import { packageJson, projectFile } from '../support/project.js';
import { environmentOf } from '../support/proxy/program-input.js';
import { startProgram, writeAdminKubeconfig } from '../support/proxy/proxy.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const run = promisify(execFile);
const dockerfile = await readFile(projectFile('Dockerfile'), 'utf8');
const [, ...stages] = dockerfile.split(/^FROM /m);
const last = stages.at(-1) ?? '';

/** The instructions of that name, each on one line. */
function instructions(text: string, name: string): string[] {
  return [...text.replaceAll('\\\n', ' ').matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map(
    ([, found = '']) => found,
  );
}

/** The last instruction of that name. */
function instruction(text: string, name: string): string {
  const found = instructions(text, name).at(-1);
  assert.ok(found !== undefined, `the Dockerfile has ${name}`);
  return found;
}

/** The variables that the image sets. */
const imageEnv = Object.fromEntries(
  instruction(last, 'ENV')
    .split(' ')
    .map(pair => pair.split('=') as [string, string]),
);
const user = instruction(last, 'USER');
const entrypoint = words(instruction(last, 'ENTRYPOINT'));
const cache = imageEnv['NODE_COMPILE_CACHE'] as string;

/** The Node that runs the tests may be older than that of the image, and without this flag. */
const withoutUnknown = (word: string) =>
  process.allowedNodeEnvironmentFlags.has(word) || word !== '--disable-sigusr1';
/** Node 20 has no compile cache. */
const hasCompileCache = 'enableCompileCache' in nodeModule;

function words(instruction: string): string[] {
  return JSON.parse(instruction) as string[];
}

/**
 * Creates the image's files in a folder, with the commands of the Dockerfile, the Node that runs this test and this dist/. Returns the
 * command that starts the program there as a user, by default that of the image.
 */
async function makeImage(folder: string): Promise<(as?: string) => string[]> {
  const work = join(folder, 'work');
  const root = join(folder, 'image');
  await cp(projectFile('build/package'), join(work, 'build/package'), { recursive: true });
  for (const instruction of instructions(stages[0] ?? '', 'RUN').filter(line => !line.startsWith('['))) {
    const command = instruction
      .split(' ')
      .filter(withoutUnknown)
      .join(' ')
      .replaceAll('/usr/local/bin/node', process.execPath)
      .replaceAll(/(?<= )\/image/g, root);
    await run('sh', ['-euc', command], { cwd: work, env: { ...process.env, SOURCE_DATE_EPOCH: '0' } });
  }
  // The container runtime mounts this one.
  await writeFile(join(root, 'etc/hosts'), '127.0.0.1 localhost\n');
  const [node, ...start] = entrypoint;
  assert.equal(node, '/usr/local/bin/node');
  return (as = user) => [
    'chroot',
    `--userspec=${as}`,
    root,
    process.execPath,
    ...start.filter(withoutUnknown),
  ];
}

const mayChroot = spawnSync('chroot', ['/', 'true']).status === 0;
const folder = temporaryFolder();
const command = mayChroot ? await makeImage(folder) : () => [];

test('the files of the image serve the API as the user of the image', {
  skip: !mayChroot && 'chroot needs root',
}, async t => {
  const files = await readdir(join(folder, 'image'), { recursive: true, withFileTypes: true });
  assert.deepEqual(
    files
      .filter(file => file.isFile() && !file.parentPath.startsWith(join(folder, 'image/app')))
      .map(({ name }) => name)
      .filter(name => !/^(ld-linux|lib).*\.so(\.\d+)*$/.test(name))
      .sort(),
    ['hosts', 'node', 'nsswitch.conf', 'passwd'],
  );

  const server = await startFakeApiServer();
  t.after(() => server.kill());
  const kubeconfig = await writeAdminKubeconfig(server);
  const config = await readFile(kubeconfig.path, 'utf8');
  const written = config.replaceAll('127.0.0.1', 'localhost');
  await writeFile(join(folder, 'image/etc/config'), written, { mode: 0o644 });

  const [chroot = '', ...args] = command();
  assert.equal((await run(chroot, [...args, '--version'])).stdout, `kube-api-proxy ${packageJson.version}\n`);
  const missing = await run(chroot, [...args, '--kubeconfig=/missing']).catch(error => error);
  assert.deepEqual([missing.code, /\/missing/.test(missing.stderr)], [1, true]);

  const proxy = await startProgram(
    command(),
    ['--kubeconfig=/etc/config', '--accept-hosts=^127(\\.\\d+){3}$'],
    imageEnv,
  );
  t.after(() => proxy.stop());
  const { status, text } = await send(proxy.port, '/api/v1/namespaces/default/pods');
  assert.deepEqual([status, /"PodList"/.test(text)], [200, true]);
});

/** What Node says of its compile cache at a start, and what the program prints. */
async function startWithCache(command: readonly string[]): Promise<{ told: string; stdout: string }> {
  const [chroot = '', ...args] = command;
  const env = { ...environmentOf(imageEnv), NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
  const { stdout, stderr } = await run(chroot, [...args, '--version'], { env });
  return { told: stderr, stdout };
}

test('the image has a compile cache that its user uses and cannot change, and that others start without', {
  skip: !mayChroot && 'chroot needs root',
}, async () => {
  const path = join(folder, 'image', cache);
  const listing = async () => {
    const names = ['.', ...(await readdir(path, { recursive: true }))];
    const files = await Promise.all(names.map(async name => ({ name, ...(await stat(join(path, name))) })));
    return files.map(({ name, uid, mode, size, mtimeMs }) => ({
      name,
      uid,
      mode: mode & 0o7777,
      size,
      mtimeMs,
    }));
  };
  const before = await listing();
  for (const { name, uid, mode } of before) {
    assert.equal(uid, 0, name);
    assert.equal(mode & 0o022, 0, `${name} can be written by others`);
    assert.equal(mode & 0o044, 0o044, `${name} can be read by all`);
  }
  const version = /^kube-api-proxy \d/;
  const own = await startWithCache(command());
  assert.match(own.stdout, version);
  const other = await startWithCache(command('1234:1234'));
  assert.match(other.stdout, version);
  if (hasCompileCache) {
    assert.equal(before.length, 3, 'a folder for this Node and user, with the code of one file');
    assert.match(own.told, /main\.js was accepted/);
    assert.doesNotMatch(other.told, /was accepted/);
  }
  // Another V8 flag, as NODE_OPTIONS may have, is another cache.
  const [chroot = '', ...args] = command();
  const env = { ...environmentOf(imageEnv), NODE_OPTIONS: '--max-old-space-size=100' };
  const flagged = await run(chroot, [...args, '--version'], { env });
  assert.deepEqual([version.test(flagged.stdout), flagged.stderr], [true, '']);
  assert.deepEqual(await listing(), before, 'no start writes');
});

test('the image has no base, and so no shell, runs as a numeric user, and its Node counts all header fields that it passes on', () => {
  assert.match(last, /^scratch\n/);
  assert.doesNotMatch(last, /^(RUN|CMD|SHELL|ADD)/m);
  assert.deepEqual(last.match(/^COPY .*/gm), ['COPY --from=build /image /']);
  assert.match(last, /^USER \d+:\d+$/m);
  const [, major, minor, patch] = /^ARG NODE_IMAGE=node:(\d+)\.(\d+)\.(\d+)/m.exec(dockerfile) ?? [];
  // Node 22 before 22.23.3 passes on header fields that it does not count.
  assert.ok(Number(major) > 22 || (Number(major) === 22 && Number(minor) * 100 + Number(patch) >= 2303));
});

test("the image's labels are the package's fields", async () => {
  const labels = Object.fromEntries(
    [...instruction(last, 'LABEL').matchAll(/org\.opencontainers\.image\.(\w+)="([^"]*)"/g)].map(
      ([, name, value]) => [name, value],
    ),
  );
  const { name, description, version, license } = packageJson;
  const revision = ['$', '{REVISION}'].join('');
  assert.deepEqual(labels, { title: name, description, version, revision, licenses: license });
});

test('the build context includes all files that the Dockerfile copies', async () => {
  const ignored = await readFile(projectFile('.dockerignore'), 'utf8');
  for (const [, sources = ''] of dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)) {
    for (const source of sources.split(' ')) assert.ok(ignored.includes(`\n!${source}\n`), source);
  }
});
