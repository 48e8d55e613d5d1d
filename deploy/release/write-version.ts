import { readFileSync, writeFileSync } from 'node:fs';

// `npm version` has changed package.json by now; the other places that name the version follow.
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const today = new Date().toISOString().slice(0, 10);
const number = '\\d+\\.\\d+\\.\\d+(?:-[\\w.]+)?';

/** Files, and what comes right before the version there. */
const places: readonly (readonly [file: string, before: string])[] = [
  ['Dockerfile', 'image\\.version="'],
  ['README.md', 'kube-api-proxy[:-]'],
  ['deploy/README.md', 'kube-api-proxy[:-]'],
  ['deploy/machine.md', 'kube-api-proxy[:-]'],
  ['deploy/sidecar/README.md', 'kube-api-proxy[:-]'],
  ['deploy/image/kustomization.yaml', 'newTag: '],
  ['deploy/helm/kube-api-proxy/Chart.yaml', '^(?:version|appVersion): '],
];
for (const [file, before] of places) {
  replace(file, new RegExp(`(${before})${number}`, 'gm'), `$1${version}`);
}
replace('CHANGELOG.md', /^## Unreleased$/gm, `## Unreleased\n\n## ${version}, ${today}`);

function replace(file: string, pattern: RegExp, by: string): void {
  const text = readFileSync(file, 'utf8');
  if (!pattern.test(text)) throw new Error(`${file} has no version after ${pattern.source}`);
  writeFileSync(file, text.replace(pattern, by));
}
