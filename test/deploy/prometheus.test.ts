import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { collectText } from '../support/collected-text.js';
import { eventuallyPasses } from '../support/eventually.js';
import { isInstalled } from '../support/installed.js';
import { projectFile } from '../support/project.js';
import { adminAddress } from '../support/proxy/admin-listener.js';
import { startProxyFor } from '../support/proxy/proxy.js';
import { startStack } from '../support/proxy/stack.js';
import { temporaryFolder } from '../support/temporary-folder.js';

interface Job {
  readonly job_name: string;
  readonly metrics_path?: string;
  static_configs: readonly { readonly targets: readonly string[] }[];
}

interface Configuration {
  readonly scrape_configs: readonly Job[];
  readonly rule_files: readonly string[];
}

/** What Prometheus answers: targets, samples, groups of rules, and alerts. */
interface Answer {
  readonly activeTargets: readonly {
    readonly labels: { readonly job: string };
    readonly health: string;
    readonly lastError: string;
  }[];
  readonly result: readonly { readonly metric: { readonly job: string } }[];
  readonly groups: readonly {
    readonly rules: readonly { readonly name: string; readonly health: string }[];
  }[];
  readonly alerts: readonly { readonly state: string }[];
}

const skip =
  !isInstalled('prometheus') && process.env['REQUIRE_PROMTOOL'] !== '1' && 'prometheus is not installed';

const read = (file: string) => readFile(projectFile(`deploy/${file}`), 'utf8');

/** The scrape configuration of clients.md for a gateway, as a job of another name. */
async function throughGateway(folder: string, address: string): Promise<Job> {
  const [, example = ''] = /^```yaml\n(scrape_configs:[\s\S]*?)^```$/m.exec(await read('clients.md')) ?? [];
  const text = example.replaceAll('/etc/prometheus', folder).replace('gw.example:443', address);
  const [job] = (parse(text) as Configuration).scrape_configs;
  return { ...(job ?? assert.fail('clients.md has no example')), job_name: 'through a gateway' };
}

/** Starts Prometheus on a free port. Returns what asks its API until the answer is so. */
async function startPrometheus(t: TestContext, configuration: object, folder: string) {
  const file = join(folder, 'prometheus.yaml');
  await writeFile(file, JSON.stringify(configuration));
  const data = `--storage.tsdb.path=${join(folder, 'data')}`;
  const args = [`--config.file=${file}`, data, '--web.listen-address=127.0.0.1:0'];
  const child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  t.after(() => child.kill('SIGKILL') && exited);
  const written = collectText(child.stderr);
  const address = await eventuallyPasses(() => {
    assert.equal(child.exitCode, null, written());
    const [, found = assert.fail('no address yet')] =
      /msg="?Listening on"? address=(127\.0\.0\.1:\d+)/.exec(written()) ?? [];
    return found;
  });
  return (path: string, isEnough: (answer: Answer) => boolean) =>
    eventuallyPasses(async () => {
      const response = await fetch(`http://${address}/api/v1/${encodeURI(path)}`);
      const { data: answer } = (await response.json()) as { data: Answer };
      // Without a message, assert would read and parse this file to make one.
      assert.ok(isEnough(answer), JSON.stringify(answer));
      return answer;
    });
}

test("Prometheus reads the proxy's metrics, the API server's metrics through the proxy and through a gateway, and the alerts", {
  skip,
}, async t => {
  const folder = temporaryFolder();
  const tokens = join(folder, 'tokens.csv');
  await writeFile(tokens, 'token-of-prometheus,prometheus,,\n', { mode: 0o600 });
  const [{ proxy }, plain, gateway] = await Promise.all([
    startStack(t, { run: startProxyFor, flags: ['--admin-port=0', '--admin-address=127.0.0.1'] }),
    startStack(t, { run: startProxyFor }),
    startStack(t, {
      run: startProxyFor,
      server: { allow: (user, { path }) => user.username !== 'prometheus' || path === '/metrics' },
      flags: [`--token-auth-file=${tokens}`],
      tls: true,
    }),
  ]);
  await writeFile(join(folder, 'token'), 'token-of-prometheus');
  await writeFile(join(folder, 'ca.crt'), gateway.ca);
  const {
    scrape_configs: jobs,
    rule_files: rules,
    ...rest
  } = parse(await read('prometheus/prometheus.yaml')) as Configuration;
  const addresses = new Map([
    ['kube-api-proxy', await adminAddress(proxy)],
    ['apiserver', proxy.address],
  ]);
  for (const job of jobs)
    job.static_configs = [{ targets: [addresses.get(job.job_name) ?? assert.fail(job.job_name)] }];
  const more = [
    await throughGateway(folder, `127.0.0.1:${gateway.port}`),
    {
      ...{ job_name: 'main listener', metrics_path: '/-/metrics' },
      static_configs: [{ targets: [plain.proxy.address] }],
    },
  ];
  const configuration = {
    ...rest,
    // A scrape that takes longer, as on a busy machine, is counted with another code.
    global: { scrape_interval: '5s', scrape_timeout: '5s', evaluation_interval: '1s' },
    scrape_configs: [...jobs, ...more],
    rule_files: rules.map(file => projectFile(`deploy/prometheus/${file}`)),
  };
  const ask = await startPrometheus(t, configuration, folder);
  const { activeTargets } = await ask(
    'targets',
    ({ activeTargets: targets }) => targets.length > 3 && targets.every(({ health }) => health === 'up'),
  );
  assert.deepEqual(
    activeTargets.map(({ labels, lastError }) => [labels.job, lastError]).sort(),
    ['apiserver', 'kube-api-proxy', 'main listener', 'through a gateway'].map(job => [job, '']),
  );
  const { result } = await ask(
    'query?query=sum by (job, code) (kube_api_proxy_requests_total{job="kube-api-proxy"}) > 0',
    answer => answer.result.length > 0,
  );
  assert.deepEqual(
    result.map(({ metric }) => metric),
    [{ job: 'kube-api-proxy', code: '200' }],
  );
  await ask('query?query={__name__=~"apiserver_ready|kube_api_proxy_ready"} == 1', answer =>
    ['apiserver', 'main listener'].every(job => answer.result.some(({ metric }) => metric.job === job)),
  );
  const isOk = ({ health }: { readonly health: string }) => health === 'ok';
  await ask('rules', ({ groups }) => groups.length > 0 && groups.every(group => group.rules.every(isOk)));
  await ask('alerts', ({ alerts }) => !alerts.some(({ state }) => state === 'firing'));
});
