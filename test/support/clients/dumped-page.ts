import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { temporaryFolder } from '../temporary-folder.js';

/** Path of the installed Chromium, if there is one. */
const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);

/** Why a test that needs a browser is skipped; false if there is one. */
export const withoutBrowser = chromium === undefined && 'there is no Chromium';

/** Opens a URL in Chromium with a profile of its own. Returns the document as HTML when its scripts have nothing more to do. */
export async function dumpedPage(url: string): Promise<string> {
  const folder = temporaryFolder();
  try {
    const { stdout } = await promisify(execFile)(
      chromium as string,
      [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
        ...[`--user-data-dir=${folder}`, '--timeout=20000', '--virtual-time-budget=10000', '--dump-dom'],
        url,
      ],
      { timeout: 60_000, env: { PATH: process.env['PATH'], HOME: folder } },
    );
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
