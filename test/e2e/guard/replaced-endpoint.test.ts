import assert from 'node:assert/strict';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { describe, type TestContext, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { eventually } from '../../support/eventually.js';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { writeExecPlugin } from '../../support/identities/exec-plugin.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { bothLegs, type Probe, type ProbeLeg, passed, probe, sample } from '../credential-probe.js';
import { assertStatus } from '../leg.js';

const groups = ['system:masters'];
const claimed = { headers: ['Impersonate-User: root', 'Impersonate-Group: system:masters'] };

/** Fields of the kubeconfig's cluster and user. */
interface Edit {
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
}

/** The program as an administrator with an editable kubeconfig; the API server knows every token. */
async function start(t: TestContext, user: Readonly<Record<string, unknown>>, args: readonly string[]) {
  const admin = { username: 'admin', groups };
  const tokens: Record<string, typeof admin> = { one: admin, two: admin, three: admin };
  const server = await startFakeApiServer({ clientCertificates: 'optional', tokens });
  t.after(() => server.kill());
  const kubeconfig = await writeKubeconfig({ server: server.url, ca: server.authority.certificate, user });
  const proxy = await startInProcess(t, ['--kubeconfig', kubeconfig.path, ...args]);
  const edit = async (more: Edit) => {
    const content = parse(await readFile(kubeconfig.path, 'utf8'));
    Object.assign(content.clusters[0].cluster, more.cluster);
    Object.assign(content.users[0].user, more.user);
    await writeFile(`${kubeconfig.path}.new`, stringify(content));
    await rename(`${kubeconfig.path}.new`, kubeconfig.path);
  };
  return {
    server,
    proxy,
    edit,
    reloads: () => proxy.log().filter(({ msg }) => msg === 'configuration reloaded').length,
  };
}

/** The request waited while its endpoint was replaced: it is not judged again, and only `before` arrived at the API server. */
function replaced({ answer, arrived }: Probe, leg: ProbeLeg, before: readonly string[]): void {
  assert.match(assertStatus(answer, 503, leg), /replaced by another one while the request waited/);
  assert.equal(answer.headers.get('retry-after'), '1');
  assert.deepEqual(
    arrived.map(({ headers }) => headers['authorization']),
    before,
  );
}

function rejected({ answer, arrived }: Probe, leg: ProbeLeg): void {
  assert.match(assertStatus(answer, 403, leg), /Impersonate-\* headers are not accepted/);
  assert.deepEqual(arrived, []);
}

function impersonated({ code, arrived }: Probe, leg: ProbeLeg): void {
  assert.equal(code, passed(leg));
  assert.equal(arrived.at(-1)?.headers['impersonate-user'], 'jane');
}

describe('a kubeconfig that gains "as" while a request waits', { concurrency: 5 }, () => {
  test('for an exec plugin keeps clients from acting as another user', async t => {
    const plugin = await writeExecPlugin();
    t.after(() => plugin.remove());
    await plugin.answer({ token: 'one' });
    const release = await plugin.hold();
    const { server, proxy, edit, reloads } = await start(t, { exec: plugin.exec() }, ['--reject-paths=']);
    const waiting = bothLegs.map(leg =>
      Promise.all([probe(proxy, server, leg, claimed), probe(proxy, server, leg)]),
    );
    await eventually('the plugin', () => plugin.runs() > 0);
    await edit({ user: { as: 'jane', 'as-groups': groups } });
    await eventually('the reload', () => reloads() > 0);
    await release();
    for (const [index, [claiming, other]] of (await Promise.all(waiting)).entries()) {
      const leg = bothLegs[index] ?? 'plain';
      replaced(claiming, leg, []);
      replaced(other, leg, []);
      rejected(await probe(proxy, server, leg, claimed), leg);
      impersonated(await probe(proxy, server, leg), leg);
    }
    const rejections = (reason: string) =>
      sample(proxy, `kube_api_proxy_rejected_requests_total{reason="${reason}"}`);
    assert.equal(await rejections('replaced'), 2 * bothLegs.length);
    assert.equal(await rejections('impersonation'), bothLegs.length);
  });
});
