import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventuallyPasses } from '../../support/eventually.js';
import { isInstalled } from '../../support/installed.js';
import { startStack } from '../../support/proxy/stack.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const hasPrometheus = isInstalled('prometheus');
const isRequired = process.env['REQUIRE_PROMTOOL'] === '1';

test('a real Prometheus scrapes the API server through the proxy, and the proxy itself', {
  skip: !hasPrometheus && !isRequired && 'prometheus is not installed',
  timeout: 240_000,
}, async t => {
  const { proxy } = await startStack(t);
  const directory = temporaryFolder();
  const target = `static_configs: [{ targets: ['${proxy.address}'] }]`;
  await writeFile(
    join(directory, 'prometheus.yml'),
    [
      'global: { scrape_interval: 3s, scrape_timeout: 3s }',
      'scrape_configs:',
      `  - { job_name: apiserver, ${target} }`,
      `  - { job_name: kube-api-proxy, metrics_path: /-/metrics, ${target} }`,
    ].join('\n'),
  );
  const prometheus = spawn(
    'prometheus',
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let complaints = '';
  prometheus.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  t.after(async () => {
    const closed = once(prometheus, 'close');
    prometheus.kill();
    await closed;
  });

  const port = await eventuallyPasses(() => {
    const address = /"Listening on" address=127\.0\.0\.1:(\d+)/.exec(complaints);
    assert.ok(address !== null, complaints.slice(-2000));
    return address[1];
  });
  const query = async (expression: string): Promise<string | undefined> => {
    const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`;
    const response = await fetch(url).catch(() => undefined);
    if (!response?.ok) return undefined;
    const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
    return data.result[0]?.value[1];
  };
  const eventually = (expression: string, expected: (value: string) => boolean): Promise<void> =>
    eventuallyPasses(async () => {
      const value = await query(expression);
      const isExpected = value !== undefined && expected(value);
      assert.ok(isExpected, `${expression} is ${value}; ${complaints.slice(-2000)}`);
    });
  await eventually('up{job="apiserver"}', value => value === '1');
  await eventually('up{job="kube-api-proxy"}', value => value === '1');
  await eventually('count({job="apiserver",__name__=~"apiserver_.+"})', value => Number(value) > 0);
  await eventually('kube_api_proxy_ready{check="upstream"}', value => value === '1');
  await eventually('kube_api_proxy_requests_total{verb="get",code="200"}', value => Number(value) > 0);
});
