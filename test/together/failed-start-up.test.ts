import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { eventually } from '../support/eventually.js';
import { startUpProblems } from '../support/proxy/in-process.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Timers that have been started and have not fired yet, even those that do not keep the process alive. */
function countTimers(t: TestContext): () => number {
  const open = new Set<unknown>();
  for (const [set, clear] of [
    ['setInterval', 'clearInterval'],
    ['setTimeout', 'clearTimeout'],
  ] as const) {
    const original = globalThis[set] as (callback: () => void, ...rest: unknown[]) => NodeJS.Timeout;
    const forget = globalThis[clear] as (timer: unknown) => void;
    t.mock.method(globalThis, set, (callback: (...given: unknown[]) => void, ...rest: unknown[]) => {
      const timer = original(
        (...given: unknown[]) => {
          if (set === 'setTimeout') open.delete(timer);
          callback(...given);
        },
        ...rest,
      );
      open.add(timer);
      return timer;
    });
    t.mock.method(globalThis, clear, (timer: unknown) => {
      open.delete(timer);
      forget(timer);
    });
  }
  return () => open.size;
}

test('a start-up that fails half-way leaves no timer and no open file', async t => {
  const folder = temporaryFolder();
  const serving = await createServingFiles();
  const tokens = join(folder, 'tokens.csv');
  await writeFile(tokens, 'alice-token,alice,,\n');
  const issuers = join(folder, 'issuers.yaml');
  await writeFile(
    issuers,
    'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt: []\n',
  );
  const kubeconfig = join(folder, 'config');
  const of = (server: string) =>
    writeFile(
      kubeconfig,
      JSON.stringify({
        clusters: [{ name: 'c', cluster: { server } }],
        users: [{ name: 'u', user: { token: 't' } }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      }),
    );
  const watched = [
    ...[...serving.flags, `--kubeconfig=${kubeconfig}`, `--token-auth-file=${tokens}`],
    ...[`--audit-log-path=${join(folder, 'audit.log')}`, '--authentication-token-webhook'],
    ...['--all-contexts', '--admin-port=0', '--reject-resources=secrets'],
  ];
  const openFiles = async () => (await readdir('/proc/self/fd')).length;
  const missing = join(folder, 'missing');
  const before = await openFiles();
  const timers = countTimers(t);

  // Whatever the one mistake is, everything else has been opened when it is found.
  await of('https://127.0.0.1:6443');
  for (const [wrong, ...more] of [
    [`--www=${missing}`],
    [`--www=${missing}`, `--authentication-config=${issuers}`],
    [`--client-ca-file=${missing}`],
    ['--oidc-issuer-url=http://x', '--oidc-client-id=gateway'],
  ] as const) {
    const problems = await startUpProblems([...watched, wrong, ...more]);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.equal(timers(), 0, wrong);
  }
  await of('not a url');
  await startUpProblems(watched);
  assert.equal(timers(), 0);
  await eventually('the files to be closed', async () => (await openFiles()) <= before);
});
