import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { projectFile } from '../project.js';

/** An alert of the chart. Its description, first look and remedy hold for every instance: they have no template. */
export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly first_look: string;
    readonly remedy: string;
    readonly runbook: string;
  };
}

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly Alert[] }[];
}

/** The alerts of the chart, in their order. */
export function readAlerts(): Alert[] {
  const file = readFileSync(projectFile('deploy/helm/kube-api-proxy/files/alerts.yaml'), 'utf8');
  return (parse(file) as RuleFile).groups.flatMap(({ rules }) => rules);
}
