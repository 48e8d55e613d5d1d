import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { collectText } from '../support/collected-text.js';
import { eventuallyPasses } from '../support/eventually.js';
import { isInstalled } from '../support/installed.js';
import { projectFile } from '../support/project.js';
import { adminAddress } from '../support/proxy/admin-listener.js';
import { startStack } from '../support/proxy/stack.js';
import { temporaryFolder } from '../support/temporary-folder.js';

interface ScrapeConfig {
  job_name: string;
  metrics_path?: string;
  static_configs: { targets: string[] }[];
}

interface Configuration {
  readonly scrape_configs: ScrapeConfig[];
  readonly global: Record<string, string>;
  rule_files: string[];
}

interface Target {
  readonly labels: { readonly job: string };
  readonly health: string;
  readonly lastError: string;
}

interface RuleGroup {
  readonly rules: readonly { readonly name: string; readonly health: string; readonly lastError?: string }[];
}

const installed = isInstalled('prometheus');
const skip = !installed && process.env['REQUIRE_PROMTOOL'] !== '1' && 'prometheus is not installed';

function deployed(file: string): string {
  return projectFile(`deploy/prometheus/${file}`);
}

/** The scrape configuration of clients.md for a gateway, as a job of another name. */
async function throughGateway(folder: string, address: string): Promise<ScrapeConfig> {
  const document = await readFile(projectFile('deploy/clients.md'), 'utf8');
  const [, example = ''] = /^```yaml\n(scrape_configs:[\s\S]*?)^```$/m.exec(document) ?? [];
  const text = example.replaceAll('/etc/prometheus', folder).replace('gw.example:443', address);
  const [job] = (parse(text) as Configuration).scrape_configs;
  return { ...(job ?? assert.fail('clients.md has no example')), job_name: 'through a gateway' };
}

/** Writes the configuration of deploy/ with other addresses, shorter intervals and more jobs. Returns the file. */
async function writeConfiguration(
  folder: string,
  addresses: Readonly<Record<string, string>>,
  more: readonly ScrapeConfig[],
): Promise<string> {
  const configuration = parse(await readFile(deployed('prometheus.yaml'), 'utf8')) as Configuration;
  for (const { job_name: job, static_configs: groups } of configuration.scrape_configs) {
    const address = addresses[job];
    assert.ok(address, `an address for the job ${job}`);
    for (const group of groups) group.targets = [address];
  }
  configuration.scrape_configs.push(...more);
  // A scrape that takes longer, as on a busy machine, is counted with another code.
  Object.assign(configuration.global, {
    ...{ scrape_interval: '5s', scrape_timeout: '5s', evaluation_interval: '1s' },
  });
  configuration.rule_files = configuration.rule_files.map(deployed);
  const file = join(folder, 'prometheus.yaml');
  await writeFile(file, JSON.stringify(configuration));
  return file;
}

/** Starts Prometheus on a free port and returns its address. Rejects with its output if it ends instead. */
function startPrometheus(file: string, folder: string): { child: ChildProcess; address: Promise<string> } {
  const child = spawn(
    'prometheus',
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const written = collectText(child.stderr);
  const address = new Promise<string>((resolve, reject) => {
    child.stderr.on('data', () => {
      const found = /msg="?Listening on"? address=(127\.0\.0\.1:\d+)/.exec(written())?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(written())));
  });
  return { child, address };
}

/** Ends Prometheus. */
async function stop(child: ChildProcess | undefined): Promise<void> {
  if (child !== undefined && child.exitCode === null) {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}

async function ask<T>(address: string, path: string): Promise<T> {
  const response = await fetch(`http://${address}/api/v1/${path}`);
  const { data } = (await response.json()) as { data: T };
  return data;
}

/** Waits for a result for which `enough` is true. */
function until<T>(get: () => Promise<T>, enough: (result: T) => boolean): Promise<T> {
  return eventuallyPasses(async () => {
    const result = await get();
    // Without a message, assert would read and parse this file to make one.
    assert.ok(enough(result), `${JSON.stringify(result)}`);
    return result;
  });
}

test("Prometheus reads the proxy's metrics, the API server's metrics through the proxy and through a gateway, and the alerts", {
  skip,
}, async t => {
  const folder = temporaryFolder();
  const tokens = join(folder, 'tokens.csv');
  await writeFile(tokens, 'token-of-prometheus,prometheus,,\n', { mode: 0o600 });
  const [{ proxy }, gateway] = await Promise.all([
    startStack(t, { flags: ['--admin-port=0', '--admin-address=127.0.0.1'] }),
    startStack(t, {
      server: { allow: (user, { path }) => user.username !== 'prometheus' || path === '/metrics' },
      flags: [`--token-auth-file=${tokens}`],
      tls: true,
    }),
  ]);
  await writeFile(join(folder, 'token'), 'token-of-prometheus');
  await writeFile(join(folder, 'ca.crt'), gateway.ca);
  let child: ChildProcess | undefined;
  try {
    const file = await writeConfiguration(
      folder,
      { 'kube-api-proxy': await adminAddress(proxy), apiserver: proxy.address },
      [
        await throughGateway(folder, `127.0.0.1:${gateway.port}`),
        {
          ...{ job_name: 'main listener', metrics_path: '/-/metrics' },
          static_configs: [{ targets: [proxy.address] }],
        },
      ],
    );
    const prometheus = startPrometheus(file, folder);
    child = prometheus.child;
    const address = await prometheus.address;

    const { activeTargets } = await until(
      () => ask<{ activeTargets: Target[] }>(address, 'targets'),
      ({ activeTargets: targets }) => targets.length > 3 && targets.every(({ health }) => health === 'up'),
    );
    assert.deepEqual(
      activeTargets.map(({ labels, health, lastError }) => [labels.job, health, lastError]).sort(),
      ['apiserver', 'kube-api-proxy', 'main listener', 'through a gateway'].map(job => [job, 'up', '']),
    );

    const query = 'query?query=sum by (job, code) (kube_api_proxy_requests_total{job="kube-api-proxy"}) > 0';
    const { result } = await until(
      () => ask<{ result: { metric: object }[] }>(address, encodeURI(query)),
      found => found.result.length > 0,
    );
    assert.deepEqual(
      result.map(({ metric }) => metric),
      [{ job: 'kube-api-proxy', code: '200' }],
    );

    const samples = 'query?query={__name__=~"apiserver_ready|kube_api_proxy_ready"} == 1';
    await until(
      () => ask<{ result: { metric: { job: string } }[] }>(address, encodeURI(samples)),
      found =>
        found.result.some(({ metric }) => metric.job === 'apiserver') &&
        found.result.some(({ metric }) => metric.job === 'main listener'),
    );
    const { groups } = await until(
      () => ask<{ groups: RuleGroup[] }>(address, 'rules'),
      found =>
        found.groups.length > 0 &&
        found.groups.every(({ rules }) => rules.every(({ health }) => health !== 'unknown')),
    );
    const rules = groups.flatMap(group => group.rules);
    assert.ok(rules.length > 0);
    for (const { name, health, lastError } of rules) {
      assert.deepEqual([name, health, lastError], [name, 'ok', undefined]);
    }
    const { alerts } = await ask<{ alerts: { state: string }[] }>(address, 'alerts');
    assert.deepEqual(
      alerts.filter(({ state }) => state === 'firing'),
      [],
    );
  } finally {
    await stop(child);
  }
});
