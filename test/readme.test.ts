import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { createKnownResources } from '../src/kubernetes/known-resources.js';
import { createMetrics, type MetricDescription } from '../src/observability/metrics.js';
import { definitionOf, flagName, optionKeys } from '../src/options.js';
import { projectFile } from './support/project.js';

function flagTable(): string {
  const rows = [...optionKeys.values()].map(key => {
    const { short, type, default: value, help } = definitionOf(key);
    const flag = `--${flagName(key)}${type.placeholder === undefined ? '' : `=${type.placeholder}`}`;
    const names = short === undefined ? `\`${flag}\`` : `\`-${short}\`, \`${flag}\``;
    return `| ${names} | ${value === '' ? '' : `\`${value}\``} | ${help} |\n`;
  });
  return `| flag | default | what |\n|---|---|---|\n${rows.join('')}`;
}

test('the README lists every flag with its default and what it is for', async () => {
  const readme = await readFile(projectFile('README.md'), 'utf8');
  const written = /<!-- flags -->\n([\s\S]*?)<!-- \/flags -->/.exec(readme)?.[1];
  assert.equal(written, flagTable());
});

function metricTable(metrics: readonly MetricDescription[]): string {
  const rows = metrics
    .filter(({ name }) => name.startsWith('kube_api_proxy_'))
    .map(
      ({ name, type, labelNames, help }) =>
        `| \`${name}\` | ${type} | ${labelNames.join(', ')} | ${help} |\n`,
    );
  return `| metric | type | labels | meaning |\n|---|---|---|---|\n${rows.join('')}`;
}

test('the README lists every metric with its type, labels and meaning', async () => {
  const readme = await readFile(projectFile('README.md'), 'utf8');
  const written = /<!-- metrics -->\n([\s\S]*?)<!-- \/metrics -->/.exec(readme)?.[1];
  const { descriptions } = createMetrics({
    version: '',
    nodeVersion: '',
    knownResources: createKnownResources(async () => ({ status: 404, body: undefined })),
    connections: () => ({ idle: 0, active: 0, upgraded: 0 }),
    shares: () => ({ inflight: 0, longrunning: 0, users: 0 }),
    readiness: async () => new Map(),
  });
  assert.equal(written, metricTable(descriptions()));
});
