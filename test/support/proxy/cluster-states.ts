import assert from 'node:assert/strict';
import type { ClusterState } from '../../../src/clusters/states.js';
import { send } from '../clients/http-client.js';
import { eventuallyPasses } from '../eventually.js';

/** The entries of /-/clusters, by the clusters' names. */
export async function clusterStates(
  port: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<Map<string, ClusterState>> {
  const { status, json } = await send(port, '/-/clusters', { headers });
  assert.equal(status, 200);
  const { clusters } = json as { readonly clusters: readonly ClusterState[] };
  return new Map(clusters.map(cluster => [cluster.name, cluster]));
}

/** Waits until a cluster is in this state, and returns its entry. */
export function untilState(
  port: number,
  name: string,
  state: ClusterState['state'],
  headers: Readonly<Record<string, string>> = {},
): Promise<ClusterState> {
  return eventuallyPasses(async () => {
    const found = (await clusterStates(port, headers)).get(name);
    assert.ok(found !== undefined, `${name} is listed`);
    assert.equal(found.state, state, JSON.stringify(found));
    return found;
  });
}
