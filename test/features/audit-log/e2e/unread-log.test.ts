import assert from 'node:assert/strict';
import http from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../../support/eventually.js';
import { longPath, openPipe, startUnread } from '../../../support/proxy/unread-output.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

test('a program ends in its grace if nobody reads its audit log on standard output, nor its log', async t => {
  const socketPath = join(temporaryFolder(), 'socket');
  const flags = ['--audit-log-path=-', '--log-format=json', `--unix-socket=${socketPath}`];
  const { stop } = startUnread(t, flags, ['ignore', openPipe(t), openPipe(t)]);
  const get = (path: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      http
        .get({ socketPath, path, agent: false }, answer => resolve(answer.resume().statusCode))
        .once('error', reject);
    });
  await eventually('the program serves', async () => (await get('/-/livez')) === 200);
  for (let sent = 0; sent < 100; sent++) assert.equal(await get(longPath), 403);
  await stop();
});
