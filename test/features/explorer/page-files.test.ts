import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { preferredCoding, readExplorerFiles } from '../../../src/features/explorer/page-files.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

it('a file is sent in the smallest coding that the client accepts', () => {
  for (const [accepted, coding] of [
    [undefined, 'identity'],
    ['', 'identity'],
    ['deflate, zstd', 'identity'],
    ['gzip', 'gzip'],
    ['GZIP;q=0.5 , br ; q=1', 'br'],
    ['br;q=0, gzip;q=0.1', 'gzip'],
    ['br; q=0.000 ,gzip', 'gzip'],
    ['br;q=0.01, gzip', 'br'],
    ['xbr, xgzip', 'identity'],
  ] as const)
    assert.equal(preferredCoding(accepted), coding, accepted);
});

it('the page is kept only until it changes, and its files, which have a hash in their names, for ever', async () => {
  const folder = temporaryFolder();
  for (const name of ['index.html', 'main-A1.js', 'main-B2.css', 'icon-C3.svg'])
    for (const end of ['', '.gz', '.br']) await writeFile(join(folder, name + end), name + end);
  await writeFile(join(folder, 'LICENSE'), '');
  const files = await readExplorerFiles(pathToFileURL(`${folder}/`));
  const typed = [...files].map(([name, { headers }]) => `${name} ${headers['Content-Type']}`);
  assert.deepEqual(typed.sort(), [
    ' text/html; charset=utf-8',
    'icon-C3.svg image/svg+xml',
    'main-A1.js text/javascript; charset=utf-8',
    'main-B2.css text/css; charset=utf-8',
  ]);
  const { headers, codings } = files.get('') ?? assert.fail();
  assert.deepEqual(headers, {
    'Content-Type': 'text/html; charset=utf-8',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-cache',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'X-Frame-Options': 'DENY',
  });
  assert.equal(files.get('main-A1.js')?.headers['Cache-Control'], 'public, max-age=31536000, immutable');
  const { identity, gzip, br } = codings;
  const contents = [identity, gzip, br].map(({ content }) => `${content}`);
  assert.deepEqual(contents, ['index.html', 'index.html.gz', 'index.html.br']);
  assert.equal(new Set([identity, gzip, br].map(({ etag }) => etag)).size, 3);
  assert.equal((await readExplorerFiles(new URL('file:///nowhere/'))).size, 0);
});
