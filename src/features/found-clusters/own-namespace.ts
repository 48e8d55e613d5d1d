import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterRegistry } from '../../clusters/registry.js';
import { serviceAccountDirectory } from '../../kubeconfig/followed-kubeconfig.js';

/**
 * The namespace of the gateway: that of its context, or in a Pod that of its service account (client-go, `clientcmd`: POD_NAMESPACE, then the
 * file), or `default`.
 */
export function ownNamespace(
  { default: { name }, contexts }: Pick<ClusterRegistry, 'default' | 'contexts'>,
  env: Readonly<Record<string, string | undefined>>,
  directory = serviceAccountDirectory,
): string {
  const ofContext = contexts.find(context => context.name === name)?.namespace;
  return ofContext || env['POD_NAMESPACE'] || namespaceIn(directory) || 'default';
}

function namespaceIn(directory: string): string {
  try {
    return readFileSync(join(directory, 'namespace'), 'utf8').trim();
  } catch {
    return '';
  }
}
