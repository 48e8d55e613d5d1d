import assert from 'node:assert/strict';
import { parseAllDocuments } from 'yaml';
import { helm } from '../support/documents/helm.js';
import { projectFile } from '../support/project.js';
import type { Manifest } from './manifests.js';

/** The chart's folder. */
export const chart = projectFile('deploy/helm/kube-api-proxy');

/** The fewest values that make a gateway. */
const least = { 'callers.mode': 'everyone' };

/** The chart's objects with these values. */
export function template(
  values: Readonly<Record<string, unknown>> = {},
  release = 'kube-api-proxy',
  namespace = 'kube-api-proxy',
): Manifest[] {
  const sets = Object.entries({ ...least, ...values }).flatMap(([path, value]) => [
    '--set-json',
    `${path}=${JSON.stringify(value)}`,
  ]);
  const { code, stdout, stderr } = helm([
    ...['template', release, chart, `--namespace=${namespace}`],
    ...sets,
  ]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  // The API server reads 0440 as an octal number.
  return parseAllDocuments(stdout, { version: '1.1' }).map(document => document.toJS() as Manifest);
}
