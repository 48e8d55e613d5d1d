import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { followConfigurationFile } from '../../../src/features/oidc/followed-file.js';
import { eventually } from '../../support/eventually.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

test("the API server's file is read again if it changes while it is read at the start", async t => {
  const file = join(temporaryFolder(), 'config.json');
  const write = (url: string) => {
    const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration' };
    const claimMappings = { username: { claim: 'sub', prefix: '' } };
    writeFileSync(
      file,
      JSON.stringify({ ...head, jwt: [{ issuer: { url, audiences: ['a'] }, claimMappings }] }),
    );
  };
  write('https://one.example');
  const urls: (string | undefined)[] = [];
  const followed = await followConfigurationFile({
    file,
    interval: 10,
    onReload() {},
    onWarning() {},
    onEntries([valid]) {
      urls.push(valid?.entry.issuer.url);
      if (urls.length === 1) write('https://other.example');
    },
  });
  if ('problems' in followed) assert.fail(followed.problems.join());
  t.after(() => followed.close());
  await eventually('the change', () => urls.at(-1) === 'https://other.example');
});
