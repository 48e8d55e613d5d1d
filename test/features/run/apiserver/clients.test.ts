import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { test as nodeTest } from 'node:test';
import { hasKubectl } from '../../../support/clients/kubectl.js';
import { eventuallyPasses } from '../../../support/eventually.js';
import { isInstalled } from '../../../support/installed.js';
import type { ApiServer } from '../../../support/kube-apiserver/api-server.js';
import { test as apiServerTest } from '../../../support/kube-apiserver/api-server-test.js';
import { Kubelet } from '../../../support/kube-apiserver/kubelet/kubelet.js';
import { runToEnd, startInside } from '../../../support/proxy/guarded-run.js';
import { writeKubeconfig } from '../../../support/proxy/kubeconfig-file.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

/** A test that needs a real API server and a program. */
function testWith(program: string, isHere: boolean, name: string, run: Parameters<typeof apiServerTest>[1]) {
  if (isHere) apiServerTest(name, run);
  else nodeTest(name, { skip: `${program} is not in PATH` }, () => {});
}

/** The kubeconfig of an administrator, whose context has a namespace. */
async function kubeconfigOf({ url, authority }: ApiServer, namespace: string): Promise<string> {
  const { path } = await writeKubeconfig({
    ...{ server: url, ca: authority.certificate, ...(await authority.client()) },
  });
  const file = join(temporaryFolder(), 'config');
  const text = readFileSync(path, 'utf8').replace(
    /^( +)(cluster: test\n)/m,
    `$1$2$1namespace: ${namespace}\n`,
  );
  assert.match(text, new RegExp(`namespace: ${namespace}`));
  writeFileSync(file, text);
  return file;
}

testWith(
  'kubectl',
  hasKubectl,
  'kubectl works in a run: get, exec, cp, port-forward, get -w, can-i, whoami, --as',
  async (t, server) => {
    const namespace = await server.createNamespace();
    const kubelet = await Kubelet.start(t, server);
    await kubelet.run(namespace, 'web');
    const HOME = temporaryFolder();
    const [file, back] = [join(HOME, 'file'), join(HOME, 'back')];
    writeFileSync(file, 'a file\n'.repeat(100_000));
    const script = [
      'kubectl get pods -o name',
      'kubectl exec web -- echo from-exec',
      `kubectl cp ${file} web:copy && kubectl cp web:copy ${back} && cmp ${file} ${back} && echo copied`,
      'kubectl auth can-i delete nodes',
      'kubectl auth whoami -o jsonpath={.status.userInfo.username}; echo',
      'kubectl get pods --as=jane 2>&1 | tail -1',
      'kubectl get --raw /version 2>&1',
      'kubectl get pods -w -o name & kubectl label pod web marked=yes',
      'kubectl port-forward pod/web :80',
    ].join('\n');
    const flags = [`--kubeconfig=${await kubeconfigOf(server, namespace)}`, '--reject-paths='];
    const inside = await startInside(t, flags, { script, env: { HOME } });
    const shown = (pattern: RegExp) =>
      eventuallyPasses(() => {
        const match = pattern.exec(inside.stdout());
        assert.ok(match, `${pattern}: ${inside.stdout()} ${inside.stderr()}`);
        return match;
      });
    for (const pattern of [
      /^pod\/web\n/m,
      /^from-exec\n/m,
      /^copied\n/m,
      /^yes\n/m,
      /^admin\n/m,
      /User "jane" cannot list resource "pods"/,
      /nothing is served here/,
      /^pod\/web labeled\n/m,
    ])
      await shown(pattern);
    const [, port] = await shown(/Forwarding from 127\.0\.0\.1:(\d+) -> 80/);
    const echoed = await new Promise<string>((resolve, reject) => {
      const socket = net.connect(Number(port), '127.0.0.1', () => socket.write('through the port'));
      socket.once('data', data => resolve(data.toString())).once('error', reject);
      t.after(() => socket.destroy());
    });
    assert.equal(echoed, 'through the port');
    assert.ok(!existsSync(join(HOME, '.kube')), 'kubectl keeps nothing in the home directory');
  },
);

testWith(
  'helm',
  isInstalled('helm'),
  'helm installs, lists and uninstalls a chart in a run',
  async (t, server) => {
    const namespace = await server.createNamespace();
    const chart = join(temporaryFolder(), 'chart');
    mkdirSync(join(chart, 'templates'), { recursive: true });
    writeFileSync(join(chart, 'Chart.yaml'), 'apiVersion: v2\nname: small\nversion: 0.1.0\n');
    writeFileSync(
      join(chart, 'templates', 'map.yaml'),
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ .Release.Name }}"}\ndata: {a: b}\n',
    );
    const HOME = temporaryFolder();
    const script = `helm install first ${chart} && helm list --short && helm uninstall first`;
    const kubeconfig = `--kubeconfig=${await kubeconfigOf(server, namespace)}`;
    const leading = { HELM_KUBEAPISERVER: 'http://127.0.0.1:1', HELM_KUBECONTEXT: 'other', HOME };
    const { code, stdout, stderr } = await runToEnd(t, [kubeconfig, '--', 'sh', '-c', script], leading);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^STATUS: deployed$[\s\S]*^first$[\s\S]*^release "first" uninstalled$/m);
    const second = [kubeconfig, '--read-only', '--', 'helm', 'install', 'second', chart];
    const refused = await runToEnd(t, second, leading);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /refused by --read-only/);
  },
);
