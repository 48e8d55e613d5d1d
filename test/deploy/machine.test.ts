import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseDuration } from '../../src/lib/value-type.js';
import { parseOptions } from '../../src/options/parse.js';
import { isInstalled } from '../support/installed.js';
import { projectFile } from '../support/project.js';
import { temporaryFolder } from '../support/temporary-folder.js';

interface ComposeService {
  readonly image: string;
  readonly command: readonly string[];
  readonly stop_grace_period: string;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly network_mode?: string;
}

function read(file: string): Promise<string> {
  return readFile(projectFile(`deploy/${file}`), 'utf8');
}

async function composeServices(): Promise<Readonly<Record<string, ComposeService>>> {
  const { services } = parse(await read('compose.yaml')) as { services: Record<string, ComposeService> };
  return services;
}

/** Settings of a unit file in their order; a name may come more than once. */
function settings(unit: string): [string, string][] {
  return [...unit.matchAll(/^([A-Za-z]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]);
}

test('the compose file starts a proxy that has few rights on its machine, is reachable only from there, and has time for its drain', async () => {
  const services = await composeServices();
  for (const [name, service] of Object.entries(services)) {
    assert.equal(service.read_only, true, name);
    assert.deepEqual(service.cap_drop, ['ALL'], name);
    assert.deepEqual(service.security_opt, ['no-new-privileges:true'], name);
  }
  const proxy = services['kube-api-proxy'];
  assert.ok(proxy);
  // No port is published, and a service in the machine's own network listens only on loopback.
  assert.ok(Object.values(services).every(service => !('ports' in service)));
  assert.equal(proxy.network_mode, 'host');
  const { options, problems } = parseOptions({ argv: proxy.command, env: {} });
  assert.deepEqual(problems, []);
  assert.deepEqual([options.address, options.port], ['127.0.0.1', 8001]);
  assert.deepEqual([options.adminAddress, options.adminPort], ['127.0.0.1', 8002]);
  const leaving = options.shutdownDelay + options.shutdownGrace + 3_000;
  assert.ok(leaving <= (parseDuration(proxy.stop_grace_period) ?? 0));
  assert.ok(services['prometheus']?.command.includes('--web.listen-address=127.0.0.1:9090'));
  assert.equal(proxy.image, ['$', '{PROXY_IMAGE:-kube-api-proxy}'].join(''));
});

test("the scrape configuration reads the proxy's metrics from the admin port and the API server's through the proxy", async () => {
  const { scrape_configs: jobs } = parse(await read('prometheus/prometheus.yaml')) as {
    scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
  };
  assert.deepEqual(
    jobs.map(({ job_name, static_configs }) => [job_name, static_configs]),
    [
      ['kube-api-proxy', [{ targets: ['127.0.0.1:8002'] }]],
      ['apiserver', [{ targets: ['127.0.0.1:8001'] }]],
    ],
  );
  const { prometheus } = await composeServices();
  assert.equal(prometheus?.network_mode, 'host');
});

test('the systemd unit sets options that the proxy accepts, and leaves time for its drain', async () => {
  const given = settings(await read('kube-api-proxy.service'));
  const env = Object.fromEntries(
    given.filter(([name]) => name === 'Environment').map(([, value]) => value.split('=') as [string, string]),
  );
  const { options, problems } = parseOptions({ argv: [], env });
  assert.deepEqual(problems, []);
  assert.deepEqual(
    [options.address, options.adminAddress, options.adminPort],
    ['127.0.0.1', '127.0.0.1', 8002],
  );
  assert.equal(options.kubeconfig, '/etc/kube-api-proxy/kubeconfig');
  const [, stop] = given.find(([name]) => name === 'TimeoutStopSec') ?? [];
  assert.ok((options.shutdownDelay + options.shutdownGrace) / 1000 + 3 <= Number(stop));
});

const installed = isInstalled('systemd-analyze');

test('systemd accepts the unit and rates it as well confined', {
  skip: !installed && 'systemd-analyze is not installed',
}, async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'kube-api-proxy.service');
  const unit = await read('kube-api-proxy.service');
  // If the program is not installed, that is the only complaint of `verify`.
  await writeFile(file, unit.replace(/^ExecStart=kube-api-proxy$/m, `ExecStart=${process.execPath}`));
  const verified = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
  assert.deepEqual([verified.status, verified.stderr], [0, '']);
  const judged = spawnSync('systemd-analyze', ['security', '--offline=yes', '--threshold=20', file], {
    encoding: 'utf8',
  });
  assert.equal(judged.status, 0, judged.stdout + judged.stderr);
});
