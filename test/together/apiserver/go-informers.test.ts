import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { configMap, configMapsIn } from '../../support/fake-api-server/config-maps.js';
import { wholeLines } from '../../support/json-lines.js';
import { apiServerTest } from '../../support/kube-apiserver/api-server-test.js';
import { projectFile } from '../../support/project.js';
import { untilOwnMetric } from '../../support/proxy/own-metric.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** Where Debian's package golang-k8s-client-go-dev has client-go. */
const gopath = process.env['GOPATH'] ?? '/usr/share/gocode';
const isMissing =
  spawnSync('go', ['version']).status !== 0 || !existsSync(join(gopath, 'src/k8s.io/client-go/informers'));

const folder = temporaryFolder();

if (isMissing)
  test('typed informers of Go share', { skip: 'go and golang-k8s-client-go-dev are not there' }, () => {});
else
  apiServerTest(
    'typed informers of Go that list by watching share one watch, and miss nothing',
    async (t, server) => {
      const program = join(folder, 'informer');
      execFileSync('go', ['build', '-o', program, projectFile('test/together/apiserver/informer/main.go')], {
        env: { ...process.env, GO111MODULE: 'off', GOPATH: gopath },
        stdio: 'inherit',
      });
      const namespace = await server.createNamespace();
      const path = configMapsIn(namespace);
      for (const name of ['a', 'b']) await server.admin.do('POST', path, configMap(namespace, name));
      const kubeconfig = await server.kubeconfig();
      const auditLog = join(folder, 'audit.log');
      const flags = [`--kubeconfig=${kubeconfig}`, '--share-watches', `--audit-log-path=${auditLog}`];
      const proxy = await startProxy(flags);
      t.after(() => proxy.stop('SIGKILL'));
      const env = { ...process.env, KUBE_FEATURE_WatchListClient: 'true' };
      const outputs = Array.from({ length: 5 }, () => {
        const child = spawn(program, [proxy.url, namespace], { env, stdio: ['pipe', 'pipe', 'inherit'] });
        t.after(() => child.kill('SIGKILL'));
        let text = '';
        child.stdout.setEncoding('utf8').on('data', (more: string) => {
          text += more;
        });
        return () => wholeLines(text);
      });
      for (const output of outputs) await eventually('two objects', () => output().length === 2);
      await untilOwnMetric(proxy.port, 'kube_api_proxy_shared_watches', 1);
      await untilOwnMetric(proxy.port, 'kube_api_proxy_shared_watch_clients', 5);
      await server.admin.do('POST', path, configMap(namespace, 'c'));
      await server.admin.do('DELETE', `${path}/a`);
      for (const output of outputs) {
        await eventually('both changes', () => output().length === 4);
        assert.deepEqual(output().slice(0, 2).toSorted(), ['ADDED a', 'ADDED b']);
        assert.deepEqual(output().slice(2), ['ADDED c', 'DELETED a']);
      }
      await eventually('the requests in the audit log', () => {
        const lines = readFileSync(auditLog, 'utf8')
          .split('\n')
          .filter(line => line.includes('"RequestReceived"'));
        return lines.filter(line => line.includes('sendInitialEvents=true')).length === 5;
      });
    },
  );
