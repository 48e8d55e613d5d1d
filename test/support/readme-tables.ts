import { readFileSync } from 'node:fs';
import type { MetricDescription } from '../../src/observability/metrics/metrics.js';
import { definitionOf, flagName, optionKeys } from '../../src/options/table.js';
import { chartValues } from './chart-values.js';
import { createIdleMetrics } from './metrics.js';
import { projectFile } from './project.js';

/** The documents with tables that are made of the code. */
export const documents = [
  'deploy/reference/flags.md',
  'deploy/reference/metrics.md',
  'deploy/helm/kube-api-proxy/README.md',
] as const;

/** These tables. Each stands between comments of its name: `<!-- flags -->` and `<!-- /flags -->`. */
export const tables = { flags: flagTable, metrics: metricTable, values: chartTable } as const;

/** What a document has between the comments of a table; undefined without them. */
export function writtenTable(readme: string, name: keyof typeof tables): string | undefined {
  return betweenComments(name).exec(readme)?.[2];
}

/** A document with its tables as the code has them. */
export function withTables(readme: string): string {
  return Object.entries(tables).reduce(
    (text, [name, make]) =>
      text.replace(betweenComments(name), (_, before, _written, after) => before + make() + after),
    readme,
  );
}

function betweenComments(name: string): RegExp {
  return new RegExp(`(<!-- ${name} -->\n)([\\s\\S]*?)(<!-- /${name} -->)`);
}

/** A table's row; a bar would end its cell on GitHub, in code as well (GFM, section 4.10). */
function rowOf(cells: readonly string[]): string {
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
}

/** The options that `kubectl proxy` of 1.32 has too, as flags of its own or of every kubectl command. */
export const kubectlOptions: ReadonlySet<string> = new Set([
  ...[
    'accept-hosts',
    'accept-paths',
    'address',
    'api-prefix',
    'append-server-path',
    'disable-filter',
    'help',
  ],
  ...['keepalive', 'port', 'reject-methods', 'reject-paths', 'unix-socket', 'www', 'www-prefix'],
  ...['as', 'as-group', 'as-uid', 'certificate-authority', 'client-certificate', 'client-key', 'cluster'],
  ...['context', 'insecure-skip-tls-verify', 'kubeconfig', 'password', 'request-timeout', 'server'],
  ...['tls-server-name', 'token', 'user', 'username'],
]);

function flagTable(): string {
  const rows = [...optionKeys.values()].map(key => {
    const { short, type, default: value, help } = definitionOf(key);
    const flag = `--${flagName(key)}${type.placeholder === undefined ? '' : `=${type.placeholder}`}`;
    const names = short === undefined ? `\`${flag}\`` : `\`-${short}\`, \`${flag}\``;
    const isKubectls = kubectlOptions.has(flagName(key));
    return rowOf([names, isKubectls ? 'yes' : '', value === '' ? '' : `\`${value}\``, help]);
  });
  return `| flag | kubectl's | default | what |\n|---|---|---|---|\n${rows.join('')}`;
}

function metricTable(): string {
  const metrics: readonly MetricDescription[] = createIdleMetrics().descriptions();
  const rows = metrics
    .filter(({ name }) => name.startsWith('kube_api_proxy_'))
    .map(({ name, type, labelNames, help }) => rowOf([`\`${name}\``, type, labelNames.join(', '), help]));
  return `| metric | type | labels | meaning |\n|---|---|---|---|\n${rows.join('')}`;
}

function chartTable(): string {
  const values = chartValues(readFileSync(projectFile('deploy/helm/kube-api-proxy/values.yaml'), 'utf8'));
  const rows = values.map(({ path, default: value, comment }) => {
    const written = JSON.stringify(value);
    return rowOf([`\`${path}\``, written.length > 60 ? 'see `values.yaml`' : `\`${written}\``, comment]);
  });
  return `| value | default | what |\n|---|---|---|\n${rows.join('')}`;
}
