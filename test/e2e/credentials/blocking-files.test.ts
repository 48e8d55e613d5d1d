import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { bothLegs, passed, probe } from '../credential-probe.js';

test('a file of the kubeconfig that becomes a FIFO blocks no request, and is followed again later', async t => {
  const tokens: Record<string, { username: string; groups: string[] }> = {};
  const server = await startFakeApiServer({ clientCertificates: 'optional', tokens });
  const kubeconfig = await writeKubeconfig(
    { server: server.url, ca: server.authority.certificate, user: { tokenFile: 'token' } },
    { credentials: 'files' },
  );
  const { directory, path } = kubeconfig;
  /** The API server accepts only this token. */
  const take = (token: string) => {
    for (const old of Object.keys(tokens)) delete tokens[old];
    tokens[token] = { username: token, groups: ['system:masters'] };
  };
  take('token-0');
  await writeFile(join(directory, 'token'), 'token-0');
  const proxy = await startProxy([`--kubeconfig=${path}`, '--reject-paths=', '--shutdown-grace=10s']);
  t.after(async () => {
    await proxy.stop('SIGKILL');
    await server.kill();
  });
  const asks = async () => {
    const codes = [];
    for (const leg of bothLegs) codes.push((await probe(proxy, server, leg)).code);
    return codes;
  };
  const good = bothLegs.map(leg => passed(leg));
  assert.deepEqual(await asks(), good);
  let number = 0;
  for (const file of [path, join(directory, 'token'), join(directory, 'ca.crt')]) {
    number += 1;
    await copyFile(file, `${file}.kept`);
    execFileSync('mkfifo', [`${file}.fifo`]);
    await rename(`${file}.fifo`, file);
    take(`token-${number}`);
    assert.deepEqual(await asks(), [401, 401], file);
    await rename(`${file}.kept`, file);
    await writeFile(join(directory, 'token'), `token-${number}`);
    assert.deepEqual(await asks(), good, file);
  }
  execFileSync('mkfifo', [`${path}.fifo`]);
  await rename(`${path}.fifo`, path);
  take('another');
  await asks();
  assert.equal((await proxy.stop()).code, 0);
});
