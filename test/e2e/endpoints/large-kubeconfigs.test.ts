import assert from 'node:assert/strict';
import { readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { until } from '../../support/eventually.js';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { startInProcess, startUpProblems } from '../../support/proxy/in-process.js';
import { writeAdminKubeconfig } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { answeredBefore, startLarge, textOf } from './large-kubeconfig.js';

const folder = temporaryFolder();

describe('a kubeconfig of 2,000 contexts', () => {
  it('is read while other requests are answered', async t => {
    const { file, port } = await startLarge(t);
    await writeFile(file, textOf(2_000, 'second'));
    // A context reads the file when it is first used. This one is answered right after that.
    const answered = await answeredBefore(t, port, '/clusters/no-server/version');
    assert.ok(answered >= 20, `${answered} requests were answered meanwhile`);
    assert.match((await send(port, '/clusters/no-server/version')).text, /there is no cluster/);
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
