import { ApiError, type Client } from './client.js';
import {
  type AggregatedDiscovery,
  type ApiGroup,
  ApiIndex,
  type GroupList,
  type ResourceList,
  readAggregated,
  readVersion,
  versionsOf,
} from './discovery.js';
import type { WireList } from './objects.js';
import { ApiRequest } from './requests.js';

/** Reads the discovery of an API server: two requests if it aggregates discovery, otherwise one for each version of a group. */
export async function readDiscovery(client: Client, prefix: string): Promise<ApiIndex> {
  const [core, others] = await Promise.all([
    readRoot(client, prefix, '/api'),
    readRoot(client, prefix, '/apis'),
  ]);
  return new ApiIndex([...core, ...others]);
}

type CoreVersions = { readonly kind: 'APIVersions'; readonly versions?: WireList<string> };
type Groups = GroupList & { readonly kind: 'APIGroupList' };

async function readRoot(
  client: Client,
  prefix: string,
  root: '/api' | '/apis',
): Promise<readonly ApiGroup[]> {
  const answer = await client.json<AggregatedDiscovery | CoreVersions | Groups>(
    ApiRequest.discovery(prefix, root),
  );
  if (answer.kind === 'APIGroupDiscoveryList') return readAggregated(answer);
  const groups =
    answer.kind === 'APIVersions'
      ? [{ name: '', versions: (answer.versions ?? []).map(version => ({ version })) }]
      : (answer.groups ?? []);
  return Promise.all(
    groups.map(async group => {
      const { name } = group;
      const versions = versionsOf(group).map(async version => {
        return readVersion(name, version, await readResources(client, prefix, name, version));
      });
      return { name, versions: await Promise.all(versions) };
    }),
  );
}

/** Undefined for a version whose aggregated API server is unavailable. The other versions are still shown. */
async function readResources(
  client: Client,
  prefix: string,
  group: string,
  version: string,
): Promise<ResourceList | undefined> {
  try {
    return await client.json<ResourceList>(ApiRequest.versionDiscovery(prefix, group, version));
  } catch (error) {
    if (error instanceof ApiError && error.code !== 401) return undefined;
    throw error;
  }
}
