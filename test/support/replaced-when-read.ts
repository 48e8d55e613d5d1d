import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import type { TestContext } from 'node:test';

/**
 * Does something, and gives a file another content as soon as it was read for the first time meanwhile. Fails if it was not read.
 */
export async function replacedWhenRead<T>(
  t: TestContext,
  file: string,
  content: string,
  work: () => Promise<T>,
): Promise<T> {
  const { open } = fs;
  let isReplaced = false;
  const mock = t.mock.method(fs, 'open', async (...given: Parameters<typeof open>): Promise<FileHandle> => {
    const handle = await open(...given);
    if (given[0] !== file || isReplaced) return handle;
    isReplaced = true;
    const close = handle.close.bind(handle);
    handle.close = async () => {
      await close();
      await fs.writeFile(`${file}.next`, content);
      await fs.rename(`${file}.next`, file);
    };
    return handle;
  });
  syncBuiltinESMExports();
  try {
    const result = await work();
    if (!isReplaced) throw new Error(`${file} was not read`);
    return result;
  } finally {
    mock.mock.restore();
    syncBuiltinESMExports();
  }
}
