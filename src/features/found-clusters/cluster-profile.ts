import { get, OwnRefusalError } from '../../clusters/own-request.js';
import { readCluster } from '../../kubeconfig/parse.js';
import { isObject, type JsonObject, parseObject } from '../../lib/json.js';
import { spell } from '../../lib/yaml-document.js';
import { type FoundConfig, plainLine, refusal, resolveFound } from './found-config.js';
import type { Kind } from './kind.js';
import type { Providers } from './provider-file.js';

const group = 'multicluster.x-k8s.io';
/** Milliseconds for the versions of the group. */
const timeout = 15_000;
const origin = 'the ClusterProfile';

/** The ClusterProfiles of the cluster inventory API (KEP-4322): v1alpha2 if the API server has it, else v1alpha1. */
export function createClusterProfiles(providers: Providers): Kind {
  let version = 'v1alpha1';
  return {
    path: namespace => `/apis/${group}/${version}/namespaces/${namespace}/clusterprofiles`,
    async discover(cluster) {
      const path = `/apis/${group}`;
      const { status, text } = await get(cluster, path, { timeout });
      if (status !== 200) throw new OwnRefusalError(cluster.host, `a GET of ${path}`, status, text);
      const served = listIn(parseObject(text), 'versions').map(entry => entry['version']);
      version = served.includes('v1alpha2') ? 'v1alpha2' : 'v1alpha1';
    },
    clusterOf: ({ name }) => (typeof name === 'string' ? name : undefined),
    read: object => readClusterProfile(object, providers),
  };
}

/**
 * Reads a ClusterProfile (`multicluster.x-k8s.io`, v1alpha1 and v1alpha2). Its credential is that of the first provider of the file that the
 * object has among its access providers, as in the library for clients of that API. `credentialProviders` of v1alpha1 is not read. Of a
 * cluster's extensions, `client.authentication.k8s.io/exec` is for the plugin's KUBERNETES_EXEC_INFO, and the others are for nobody.
 */
export function readClusterProfile({ status }: JsonObject, providers: Providers): FoundConfig {
  const offered = listIn(status, 'accessProviders');
  for (const [name, exec] of providers) {
    const index = offered.findIndex(entry => entry['name'] === name);
    const cluster = offered[index]?.['cluster'];
    if (index === -1) continue;
    const found = readProvider(name, cluster, ['status', 'accessProviders', index, 'cluster']);
    const condition = conditionOf(status);
    if ('problems' in found) return found;
    return { config: { ...found.config, exec }, ...(condition !== undefined && { condition }) };
  }
  return refusal([
    offered.length === 0
      ? `${origin} has no status.accessProviders`
      : `${origin} has no access provider of --clusterprofile-provider-file: it has ${offered.map(({ name }) => JSON.stringify(name)).join(', ')}`,
  ]);
}

function readProvider(name: string, cluster: unknown, path: readonly (string | number)[]): FoundConfig {
  const problems: string[] = [];
  const fields = readCluster(cluster ?? {}, path, (at, problem) =>
    problems.push(`${origin}: ${spell(at)}${problem}`),
  );
  if (problems.length > 0) return refusal(problems);
  const content = {
    currentContext: name,
    clusters: new Map([[name, fields]]),
    users: new Map([[name, {}]]),
    contexts: new Map([[name, { cluster: name, user: name }]]),
  };
  return resolveFound(origin, content, {});
}

/** What the manager of the cluster says of its control plane; undefined if it says nothing. */
function conditionOf(status: unknown): string | undefined {
  const condition = listIn(status, 'conditions').find(({ type }) => type === 'ControlPlaneHealthy');
  if (condition === undefined) return undefined;
  const { status: value, reason, message } = condition;
  return plainLine(['ControlPlaneHealthy', value, reason, message].filter(part => part).join(': '));
}

function listIn(object: unknown, field: string): readonly JsonObject[] {
  const list = isObject(object) ? object[field] : undefined;
  return Array.isArray(list) ? list.filter(isObject) : [];
}
