import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { withClusterLabel } from '../../src/observability/metrics/cluster-label.js';
import { kubectlTest } from '../support/clients/kubectl.js';
import { readAlerts } from '../support/documents/alerts.js';
import { textOf } from '../support/documents/texts.js';
import { isInstalled } from '../support/installed.js';
import { projectFile } from '../support/project.js';
import { createIdleMetrics, describeMetrics } from '../support/proxy/metrics.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { only, render } from './manifests.js';

/** One metric of an expression: its name and the labels of its selector. */
interface Selector {
  readonly name: string;
  readonly labels: readonly string[];
}

const keywords = new Set(['and', 'or', 'unless', 'bool', 'offset']);

/**
 * The metrics that a PromQL expression reads and the labels that it groups by or matches on. It knows only the part of the language that
 * the rules and the dashboard use: no subqueries, no labels with the name of a function.
 */
function readExpression(expression: string): { selectors: Selector[]; grouping: string[] } {
  const grouping: string[] = [];
  const selectors: Selector[] = [];
  const rest = expression
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\boffset\s+\w+/g, '')
    .replace(/\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)/g, (_, labels: string) => {
      grouping.push(...words(labels));
      return '';
    });
  for (const [, name = '', matchers = ''] of rest.matchAll(
    /\b([a-zA-Z_:][\w:]*)\b(?!\s*\()(?:\{([^}]*)\})?|\{[^}]*\}/g,
  )) {
    if (!keywords.has(name)) selectors.push({ name, labels: words(matchers) });
  }
  return { selectors, grouping };
}

function words(text: string): string[] {
  return text.match(/[a-zA-Z_]\w*/g) ?? [];
}

interface Dashboard {
  readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
  readonly templating: {
    readonly list: readonly { readonly definition?: string; readonly allValue?: string }[];
  };
}

function path(file: string): string {
  return projectFile(`deploy/${file}`);
}

const alerts = readAlerts();

const dashboard = JSON.parse(
  await readFile(path('helm/kube-api-proxy/files/dashboard.json'), 'utf8'),
) as Dashboard;
const panelExpressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** Has the label `cluster`, which expressions may use; PromQL reads an absent label as empty. */
const metrics = createIdleMetrics({ clusterLabel: withClusterLabel });

/** The labels of every possible series, by its name. Prometheus adds the target's labels. */
const target = ['job', 'instance', 'namespace'];
const known = new Map([['up', new Set(target)]]);
for (const { name, type, labelNames } of describeMetrics(metrics)) {
  const labels = [...labelNames, ...target];
  if (type === 'histogram') known.set(`${name}_bucket`, new Set([...labels, 'le']));
  for (const suffix of type === 'histogram' ? ['_sum', '_count'] : [''])
    known.set(name + suffix, new Set(labels));
}

function assertExists(expression: string): void {
  const { selectors, grouping } = readExpression(expression);
  assert.ok(selectors.length > 0, expression);
  const groupable = new Set<string>();
  for (const { name, labels } of selectors) {
    const existing = known.get(name);
    assert.ok(existing, `${name} does not exist: ${expression}`);
    for (const label of existing) groupable.add(label);
    for (const label of labels) assert.ok(existing.has(label), `${name} has no label ${label}`);
  }
  for (const label of grouping) assert.ok(groupable.has(label), `no label ${label}: ${expression}`);
}

test('every alert and every panel uses metrics and labels that the proxy has', () => {
  for (const expression of [...alerts.map(({ expr }) => expr), ...panelExpressions]) assertExists(expression);
  for (const { definition, allValue } of dashboard.templating.list) {
    // Its value All covers only the proxy's jobs and instances, not every job of Prometheus.
    assert.equal(allValue, undefined, definition);
    if (definition === undefined) continue;
    const [, expression = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(definition) ?? [];
    assertExists(`count by (${label}) (${expression})`);
  }
});

test('every metric of the proxy has a panel or an alert', () => {
  const read = new Set(
    [...panelExpressions, ...alerts.map(({ expr }) => expr)].flatMap(expression =>
      readExpression(expression).selectors.map(({ name }) => name),
    ),
  );
  const missing = describeMetrics(metrics)
    .map(({ name }) => name)
    .filter(name => name.startsWith('kube_api_proxy_'))
    .filter(name => !['', '_bucket', '_count', '_sum'].some(suffix => read.has(`${name}${suffix}`)));
  assert.deepEqual(missing, []);
});

test('the alert of rejected requests explains every reason', async () => {
  const spike = alerts.find(({ alert }) => alert === 'KubeApiProxyRejectedRequestsSpike');
  const remedy = spike?.annotations.remedy ?? '';
  const text = await metrics.registry.metrics();
  const reasons = [
    ...text.matchAll(/^kube_api_proxy_rejected_requests_total\{cluster="",reason="(\w+)"\}/gm),
  ];
  assert.ok(reasons.length > 10);
  for (const [, reason = ''] of reasons) assert.ok(remedy.includes(`\`${reason}\``), reason);
});

test('every alert says what it means, where to look and what to do, and names its place in alerts.md', () => {
  assert.equal(new Set(alerts.map(({ alert }) => alert)).size, alerts.length);
  for (const { alert, labels, annotations } of alerts) {
    assert.match(alert, /^KubeApiProxy[A-Z]/);
    assert.match(labels.severity, /^(warning|critical)$/, alert);
    const { summary, description, first_look: look, remedy, runbook, ...others } = annotations;
    assert.deepEqual(others, {}, alert);
    for (const text of [summary, description, look, remedy]) assert.match(text, /^\S.{10,}\S$/, alert);
    for (const text of [description, look, remedy]) assert.doesNotMatch(text, /\{\{/, alert);
    assert.equal(runbook, `deploy/reference/alerts.md#${alert.toLowerCase()}`);
  }
});

test('the unit tests of the rules make every alert fire', async () => {
  const tests = await readFile(path('monitoring/alerts.test.yaml'), 'utf8');
  for (const { alert, labels } of alerts) {
    assert.ok(tests.includes(`{alertname="${alert}", severity="${labels.severity}"}`), alert);
  }
});

kubectlTest('the monitors of deploy/monitoring select the gateway and the sidecars', async () => {
  const monitoring = await render('monitoring');
  const relabelings = [{ targetLabel: 'job', replacement: 'kube-api-proxy' }];
  const endpoint = { port: 'admin', path: '/metrics', interval: '30s', relabelings };

  const gateway = await render('gateway');
  const service = only(gateway, 'Service');
  assert.deepEqual(only(monitoring, 'ServiceMonitor').spec, {
    namespaceSelector: { matchNames: [service.metadata.namespace] },
    selector: { matchLabels: service.metadata.labels },
    endpoints: [endpoint],
  });
  assert.ok(service.spec.ports.some(({ name }) => name === endpoint.port));

  const { labels } = only(await render('sidecar'), 'Deployment').spec.template.metadata;
  assert.deepEqual(only(monitoring, 'PodMonitor').spec, {
    namespaceSelector: { any: true },
    selector: { matchLabels: { 'kube-api-proxy': labels['kube-api-proxy'] } },
    podMetricsEndpoints: [endpoint],
  });
});

const installed = isInstalled('promtool');
const skip = !installed && process.env['REQUIRE_PROMTOOL'] !== '1' && 'promtool is not installed';

function promtool(args: readonly string[], input = ''): string {
  return execFileSync('promtool', args, { input, encoding: 'utf8', stdio: 'pipe' });
}

test('promtool accepts the scrape configuration, the rules and their unit tests', { skip }, () => {
  promtool(['check', 'config', '--lint=all', '--lint-fatal', path('prometheus/prometheus.yaml')]);
  promtool(['test', 'rules', path('monitoring/alerts.test.yaml')]);
  const example = join(temporaryFolder(), 'example.yaml');
  const [, block = ''] = /^```yaml\n(scrape_configs:[\s\S]*?)^```$/m.exec(textOf('deploy/clients.md')) ?? [];
  writeFileSync(example, block);
  promtool(['check', 'config', '--syntax-only', example]);
});

test('every expression of the dashboard is PromQL', { skip }, () => {
  const rules = panelExpressions.map((expression, index) => ({
    record: `expression:${index}`,
    expr: expression.replaceAll('$__rate_interval', '5m'),
  }));
  promtool(['check', 'rules', '--lint=none'], JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
});
