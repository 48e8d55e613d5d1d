import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { legs, send } from '../e2e/leg.js';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { eventually } from '../support/eventually.js';
import { runToEnd, startInside } from '../support/proxy/guarded-run.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { startStrictUpstream } from '../support/upstreams/strict-upstream.js';

const upstream = await startStrictUpstream((_request, socket) => {
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
});
after(() => upstream.stop());
const flag = `--kubeconfig=${(await upstream.writeKubeconfig()).path}`;

test('nothing that is written has the secret: terminal, log, audit log, answers', async t => {
  const folder = temporaryFolder();
  const [log, audit] = [join(folder, 'log'), join(folder, 'audit')];
  const inside = await startInside(t, [
    ...[flag, `--log-file=${log}`, '--log-level=trace', `--audit-log-path=${audit}`, '--read-only'],
  ]);
  const { port, base, child, exited } = inside;
  const secret = base.slice(1);
  let answers = '';
  for (const leg of Object.keys(legs) as (keyof typeof legs)[])
    for (const target of [
      ...[`${base}/version`, `/${base}/api`, `/s/..${base}/api`, `${base}/api/../x`, `${base}/-/metrics`],
      ...[`${base}/clusters/x/api`, `${base}/%zz`, `${base}x`, `http://127.0.0.1${base}/api`],
    ])
      for (const method of ['GET', 'DELETE', 'BREW'])
        answers += (await send(port, { leg, target, method })).raw;
  answers += (await send(port, { target: `${base}/api`, host: ['Host: evil.example'] })).raw;
  child.stdin.end();
  await exited;
  const written = { log: readFileSync(log, 'utf8'), audit: readFileSync(audit, 'utf8') };
  assert.match(written.log, /"path":"\/version"/);
  assert.match(written.audit, /"requestURI":"\/version"/);
  for (const [where, text] of Object.entries({ ...written, answers, stderr: inside.stderr() }))
    assert.ok(!text.includes(secret), where);
  for (const file of [log, audit]) assert.equal(statSync(file).mode & 0o777, 0o600, basename(file));
});

test('the audit log cannot have the standard output of the command', async t => {
  const { code, stdout, stderr } = await runToEnd(t, [flag, '--audit-log-path=-', '--', 'echo', 'x']);
  assert.deepEqual([code, stdout], [1, '']);
  assert.equal(stderr, 'kube-api-proxy: --audit-log-path: standard output is that of the command\n');
});

test('TLS and callers of one’s own are refused with a run, each in one line', async t => {
  const files = await createServingFiles();
  const flags = [...files.flags, '--token-auth-file=/dev/null', `--client-ca-file=${files.certificate}`];
  const { code, stderr } = await runToEnd(t, [flag, ...flags, '--', 'true']);
  assert.equal(code, 1);
  const lines = stderr
    .trimEnd()
    .split('\n')
    .map(line => line.replace('kube-api-proxy: ', ''));
  assert.deepEqual(lines, [
    '--client-ca-file cannot be used with run: its command is the only caller',
    '--token-auth-file cannot be used with run: its command is the only caller',
    '--tls-cert-file and --tls-private-key-file cannot be used with run: its clients send no secret',
  ]);
});

test('a SIGHUP does not open the audit log anew, because it is for the command', async t => {
  const audit = join(temporaryFolder(), 'audit');
  const script = `trap 'echo hangup' HUP; while read line; do :; done; read line`;
  const inside = await startInside(t, [flag, `--audit-log-path=${audit}`], { script });
  renameSync(audit, `${audit}.1`);
  inside.child.kill('SIGHUP');
  await eventually('the command has the signal', () => inside.stdout().includes('hangup'));
  assert.equal((await send(inside.port, { target: `${inside.base}/version` })).code, 200);
  inside.child.kill('SIGTERM');
  await inside.exited;
  assert.ok(!existsSync(audit));
  assert.match(readFileSync(`${audit}.1`, 'utf8'), /"requestURI":"\/version"/);
});
