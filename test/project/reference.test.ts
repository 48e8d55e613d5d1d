import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endReasons } from '../../src/request/recorded-request.js';
import { every } from '../observability/log/every-field.js';
import { readAlerts } from '../support/documents/alerts.js';
import { generatedParts, writtenPart } from '../support/documents/generated-parts.js';
import { textOf } from '../support/documents/texts.js';
import { createIdleMetrics } from '../support/proxy/metrics.js';

test('flags.md lists every flag with its default and its meaning', () => {
  assert.equal(writtenPart(textOf('deploy/reference/flags.md'), 'flags'), generatedParts.flags());
});

test('metrics.md lists every metric with its type, labels and meaning', () => {
  assert.equal(writtenPart(textOf('deploy/reference/metrics.md'), 'metrics'), generatedParts.metrics());
});

test('metrics.md lists every value of a label that a scrape has from the start', async () => {
  const text = await createIdleMetrics().registry.metrics();
  const written = textOf('deploy/reference/metrics.md');
  const values = new Set<string>();
  for (const [, labels = ''] of text.matchAll(/^kube_api_proxy_\w+\{(.*)\}/gm)) {
    for (const [, name = '', value = ''] of labels.matchAll(/(\w+)="([^"]*)"/g))
      if (!/^(?:le|version|node_version)$/.test(name)) values.add(value);
  }
  assert.ok(values.size > 40, [...values].join());
  for (const value of values) assert.ok(written.includes(`\`${value}\``), value);
});

test('metrics.md explains every field of a log line of a request', () => {
  const [, section = ''] = textOf('deploy/reference/metrics.md').split('\n## The log\n');
  const explained = [...section.matchAll(/^- (`.*?`): /gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, field]) => field),
  );
  assert.deepEqual(explained.sort(), ['level', 'time', ...Object.keys(every), 'msg', 'err'].sort());
  const [, ended = ''] = /^- `endedBy`: (.*)/m.exec(section) ?? [];
  assert.deepEqual(
    [...ended.matchAll(/`(\w+)`/g)].map(([, reason]) => reason),
    [...endReasons],
  );
});

test('alerts.md has what each alert says, and operations.md names every alert', () => {
  assert.equal(writtenPart(textOf('deploy/reference/alerts.md'), 'alerts'), generatedParts.alerts());
  const operations = textOf('deploy/operations.md');
  for (const { alert, annotations } of readAlerts())
    assert.ok(operations.includes(`[${alert}](${annotations.runbook.replace('deploy/', '')})`), alert);
});
