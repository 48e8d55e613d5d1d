import assert from 'node:assert/strict';
import { rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { startUpProblems } from '../../support/proxy/in-process.js';
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
});
