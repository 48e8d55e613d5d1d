import { projectFile } from '../project.js';
import { helm } from './helm.js';

const chart = projectFile('deploy/helm/kube-api-proxy');

const notice = '# Made from deploy/helm/kube-api-proxy by `npm run manifests`.\n';

/** Labels by which Helm finds its own objects. */
const labelsOfHelm = /^ +(?:app\.kubernetes\.io\/(?:instance|version|managed-by)|helm\.sh\/chart): .*\n/gm;

/** The files of deploy/ that are made from the Helm chart: their text by their path. Throws without helm. */
export function manifestsOfChart(): ReadonlyMap<string, string> {
  const gateway = ['--namespace=kube-api-proxy', `--values=${projectFile('deploy/gateway/values.yaml')}`];
  return new Map([
    ...filesOf('gateway', gateway),
    ['deploy/gateway/rbac-constrained.yaml', constrainedRoles(gateway)],
    ['deploy/gateway/rbac-clusters.yaml', clusterRoles(gateway)],
    ...filesOf('monitoring', [
      '--namespace=monitoring',
      '--set=callers.mode=everyone',
      '--set=prometheusRule.enabled=true',
      '--show-only=templates/prometheus-rule.yaml',
    ]),
  ]);
}

/** The roles with constrained impersonation, in one file. */
function constrainedRoles(gateway: readonly string[]): string {
  const files = filesOf('gateway', [
    ...gateway,
    ...['--set=rbac.impersonation=constrained', '--set=rbac.acts=readOnly'],
    ...['--show-only=templates/rbac.yaml', '--show-only=templates/acts.yaml'],
  ]);
  return [...files.values()].join('---\n').replaceAll(`---\n${notice}`, '---\n');
}

/** The rights to find clusters. */
function clusterRoles(gateway: readonly string[]): string {
  const more = ['--set=clusters.from={cluster-api:fleet}', '--show-only=templates/clusters.yaml'];
  return [...filesOf('gateway', [...gateway, ...more]).values()].join('---\n');
}

/** One file for each template, with the objects that it makes. */
function filesOf(folder: string, args: readonly string[]): ReadonlyMap<string, string> {
  const { code, stdout, stderr } = helm(['template', 'kube-api-proxy', chart, ...args]);
  if (code !== 0) throw new Error(stderr);
  const files = new Map<string, string>();
  for (const [, template, object = ''] of stdout.matchAll(
    /^# Source: kube-api-proxy\/templates\/(\S+)\n([\s\S]*?)(?=^---$|$(?![\s\S]))/gm,
  )) {
    const file = `deploy/${folder}/${template}`;
    const text = `${object.trim()}\n`
      .replace(labelsOfHelm, '')
      // deploy/image has the tag.
      .replace(/( image: kube-api-proxy):.*/, '$1');
    files.set(file, files.has(file) ? `${files.get(file)}---\n${text}` : notice + text);
  }
  return files;
}
