import { readFileSync } from 'node:fs';
import { features } from '../../../src/features.js';
import { flagName, type OptionOwner } from '../../../src/lib/option.js';
import { definitionOf, optionKeys } from '../../../src/options/table.js';
import { projectFile } from '../project.js';
import { createIdleMetrics, describeMetrics } from '../proxy/metrics.js';
import { readAlerts } from './alerts.js';
import { chartValues } from './chart-values.js';

/** The documents with parts that are generated. */
export const documents = [
  'deploy/reference/alerts.md',
  'deploy/reference/flags.md',
  'deploy/reference/metrics.md',
  'deploy/helm/kube-api-proxy/README.md',
] as const;

/** The generated parts. Each is between comments with its name: `<!-- flags -->` and `<!-- /flags -->`. */
export const generatedParts = {
  alerts: alertSections,
  flags: flagList,
  metrics: metricList,
  values: valueList,
} as const;

/** The text of a part in a document; undefined without its comments. */
export function writtenPart(readme: string, name: keyof typeof generatedParts): string | undefined {
  return betweenComments(name).exec(readme)?.[2];
}

/** A document with its parts generated again. */
export function withGeneratedParts(readme: string): string {
  return Object.entries(generatedParts).reduce(
    (text, [name, make]) =>
      text.replace(betweenComments(name), (_, before, _written, after) => before + make() + after),
    readme,
  );
}

function betweenComments(name: string): RegExp {
  return new RegExp(`(<!-- ${name} -->\n)([\\s\\S]*?)(<!-- /${name} -->)`);
}

/** An entry of a list: a name, facts about it in brackets, and its meaning. */
function entryOf(name: string, facts: readonly (string | undefined)[], meaning: string): string {
  const known = facts.filter(fact => fact !== undefined && fact !== '');
  return `- ${name}${known.length === 0 ? '' : ` (${known.join('; ')})`}: ${meaning}\n`;
}

/** The options that `kubectl proxy` 1.36 has too, as its own flags or as global flags of kubectl. */
export const kubectlOptions: ReadonlySet<string> = new Set([
  ...['accept-hosts', 'accept-paths', 'address', 'api-prefix', 'append-server-path', 'disable-filter'],
  ...['help'],
  ...['keepalive', 'port', 'reject-methods', 'reject-paths', 'unix-socket', 'www', 'www-prefix'],
  ...['as', 'as-group', 'as-uid', 'certificate-authority', 'client-certificate', 'client-key', 'cluster'],
  ...['context', 'insecure-skip-tls-verify', 'kubeconfig', 'password', 'request-timeout', 'server'],
  ...['proxy-url', 'tls-server-name', 'token', 'user', 'username'],
]);

function flagList(): string {
  return [...optionKeys.values()]
    .map(key => {
      const { short, type, default: value, help } = definitionOf(key);
      const flag = `--${flagName(key)}${type.placeholder === undefined ? '' : `=${type.placeholder}`}`;
      const names = short === undefined ? `\`${flag}\`` : `\`-${short}\`, \`${flag}\``;
      const whose = kubectlOptions.has(flagName(key)) ? 'kubectl' : featureOf(key);
      return entryOf(names, [value === '' ? '' : `\`${value}\``, whose], help);
    })
    .join('');
}

/** The name of the feature that an option belongs to; undefined if it is the core's. */
function featureOf(key: string): string | undefined {
  const all: readonly {
    readonly name: string;
    readonly guards?: readonly OptionOwner[];
    readonly options?: object;
  }[] = features;
  return all.find(({ options = {}, guards = [] }) =>
    [options, ...guards.map(guard => guard.options)].some(of => key in of),
  )?.name;
}

function metricList(): string {
  return describeMetrics(createIdleMetrics())
    .filter(({ name }) => name.startsWith('kube_api_proxy_'))
    .map(({ name, type, labelNames, help }) => entryOf(`\`${name}\``, [type, labelNames.join(', ')], help))
    .join('');
}

/** A section for each alert, so that the alert can name its anchor. */
function alertSections(): string {
  const sections = readAlerts().map(
    ({ alert, labels, annotations: { description, first_look: look, remedy } }) =>
      [
        ...[`## ${alert}\n`, `*${labels.severity}*: ${description}\n`],
        ...[`**Look**: ${look}\n`, `**Remedy**: ${remedy}\n`].map(withLinks),
      ].join('\n'),
  );
  return sections.join('\n');
}

function withLinks(text: string): string {
  return text.replaceAll(/KubeApiProxy\w+/g, alert => `[${alert}](#${alert.toLowerCase()})`);
}

function valueList(): string {
  return chartValues(readFileSync(projectFile('deploy/helm/kube-api-proxy/values.yaml'), 'utf8'))
    .map(({ path, default: value, comment }) => {
      const written = JSON.stringify(value);
      const shown = /^(?:""|\[\]|\{\})$/.test(written) ? '' : `\`${written}\``;
      return entryOf(`\`${path}\``, [written.length > 60 ? 'see `values.yaml`' : shown], comment);
    })
    .join('');
}
