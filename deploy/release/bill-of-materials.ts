import { execFileSync } from 'node:child_process';
import { bundledPackages } from './bundled-packages.js';

interface Bom {
  serialNumber?: string;
  readonly metadata: {
    timestamp?: string;
    lifecycles: object[];
    readonly component: { type: string; name: string; readonly 'bom-ref': string };
  };
  components: { readonly 'bom-ref': string; scope?: string }[];
  dependencies: { readonly ref: string; readonly dependsOn: string[] }[];
}

/**
 * What is in the bundle, in CycloneDX. npm lists what is installed, tools for development among it; with --omit=dev it leaves out packages
 * that a tool needs as well. Without a serial number and a time, the same sources give the same bytes.
 */
export function billOfMaterials(): object {
  const bom = JSON.parse(
    execFileSync('npm', ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'], { encoding: 'utf8' }),
  ) as Bom;
  const program = bom.metadata.component;
  const bundled = new Set([
    program['bom-ref'],
    ...bundledPackages().map(({ name, version }) => `${name}@${version}`),
  ]);
  delete bom.serialNumber;
  delete bom.metadata.timestamp;
  bom.metadata.lifecycles = [{ phase: 'build' }];
  program.type = 'application';
  program.name = 'kube-api-proxy';
  bom.components = bom.components.filter(component => bundled.has(component['bom-ref']));
  for (const component of bom.components) component.scope = 'required';
  bom.dependencies = bom.dependencies
    .filter(({ ref }) => bundled.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter(other => bundled.has(other)) }));
  return bom;
}
