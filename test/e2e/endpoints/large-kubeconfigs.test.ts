import assert from 'node:assert/strict';
import { readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { open, send } from '../../support/clients/http-client.js';
import { until } from '../../support/eventually.js';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { startInProcess, startUpProblems } from '../../support/proxy/in-process.js';
import { writeAdminKubeconfig } from '../../support/proxy/proxy.js';
import type { Scope } from '../../support/scope.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const folder = temporaryFolder();

/** The text of a kubeconfig with this many contexts, whose API servers refuse connections. Another context has no API server. */
function textOf(contexts: number, comment = ''): string {
  const names = Array.from({ length: contexts }, (_, index) => `context-${index}`);
  return `# ${comment}\n${stringify({
    'current-context': 'context-0',
    clusters: names.map(name => ({ name, cluster: { server: 'http://127.0.0.1:1' } })),
    users: names.map(name => ({ name, user: { token: `token of ${name}` } })),
    contexts: [
      ...names.map(name => ({ name, context: { cluster: name, user: name, namespace: 'team' } })),
      { name: 'no-server', context: { cluster: 'missing' } },
    ],
  })}`;
}

/** How many requests of another client are sent and answered, one after the other, before the head of this answer comes. */
async function answeredBefore(t: Scope, port: number, path: string): Promise<number> {
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const livez = () => send(port, '/-/livez', { agent });
  await livez();
  let hasCome = false;
  const waiting = open(port, path).then(response => {
    hasCome = true;
    response.resume();
  });
  let answered = 0;
  for (; !hasCome; answered++) await livez();
  await waiting;
  return answered;
}

describe('a kubeconfig of 2,000 contexts', () => {
  const start = async (t: Scope) => {
    const file = join(folder, 'many');
    await writeFile(file, textOf(2_000, 'first'));
    const flags = [`--kubeconfig=${file}`, '--all-contexts'];
    // Nothing but a request reads the file again.
    return { file, ...(await startInProcess(t, flags, {}, { interval: 3_600_000 })) };
  };

  it('is read while other requests are answered', async t => {
    const { file, port } = await start(t);
    await writeFile(file, textOf(2_000, 'second'));
    // A context reads the file when it is first used. This one is answered right after that.
    const answered = await answeredBefore(t, port, '/clusters/no-server/version');
    assert.ok(answered >= 20, `${answered} requests were answered meanwhile`);
    assert.match((await send(port, '/clusters/no-server/version')).text, /there is no cluster/);
  });

  it('is written for clients while other requests are answered', async t => {
    const { port } = await start(t);
    const answered = await answeredBefore(t, port, '/-/kubeconfig');
    assert.ok(answered >= 5, `${answered} requests were answered meanwhile`);
    const { text } = await send(port, '/-/kubeconfig');
    assert.equal(text.match(/^ +server: /gm)?.length, 2_002);
    assert.match(text, /^ {6}server: ".*\/clusters\/context-1999"$/m);
  });
});

/** Replaces a file in one step. */
async function replace(file: string, content: string | Buffer): Promise<void> {
  await writeFile(`${file}.new`, content);
  await rename(`${file}.new`, file);
}

/** Writes a file of this many bytes, of which only the first take room on the disk. */
async function writeLarge(file: string, bytes: number): Promise<void> {
  await writeFile(`${file}.large`, textOf(1));
  await truncate(`${file}.large`, bytes);
  await rename(`${file}.large`, file);
}

const tooLarge = 200 * 1024 * 1024;
const nested = 'x: '.padEnd(400_000, '[');

describe('a kubeconfig that is too large or has too many levels', () => {
  it('is an error at the start, in one line that names the file', async () => {
    const large = join(folder, 'large');
    await writeLarge(large, tooLarge);
    const deep = join(folder, 'deep');
    await writeFile(deep, nested);
    assert.deepEqual(await startUpProblems([`--kubeconfig=${large}`]), [
      `--kubeconfig: ${large}: is larger than 16 MB`,
    ]);
    assert.deepEqual(await startUpProblems([`--kubeconfig=${deep}`]), [`${deep}:1: more than 100 levels`]);
    const both = await startUpProblems([], { KUBECONFIG: `${large}:${deep}` });
    assert.deepEqual(both, [`${large}: is larger than 16 MB`, `${deep}:1: more than 100 levels`]);
  });

  it('leaves the last good one in use', async t => {
    const server = await startFakeApiServer();
    const { path: file } = await writeAdminKubeconfig(server);
    t.after(() => server.kill());
    const good = await readFile(file);
    const { port, log } = await startInProcess(t, [`--kubeconfig=${file}`]);
    const logged = (message: RegExp) => log().filter(({ msg }) => message.test(String(msg)));
    for (const [round, spoil] of [
      () => writeLarge(file, tooLarge),
      () => replace(file, nested),
      () => writeLarge(file, 17 * 1024 * 1024),
    ].entries()) {
      await spoil();
      await until(() => logged(/the last good one stays in use/).length === round + 1);
      const [problem = ''] = (logged(/the last good one stays in use/).at(-1)?.['problems'] ??
        []) as string[];
      assert.match(problem, round === 1 ? /more than 100 levels$/ : /is larger than 16 MB$/);
      assert.equal((await send(port, '/version')).status, 200);
      await replace(file, good);
      await until(() => logged(/configuration reloaded/).length === round + 1);
      assert.equal((await send(port, '/version')).status, 200);
    }
  });
});
