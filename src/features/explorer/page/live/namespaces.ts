import type { ObjectList } from '../api/objects.js';
import { ApiRequest } from '../api/requests.js';
import { inOrder } from '../api/table.js';
import type { Source } from './source.js';

/** The names of the namespaces that the API server lists for the user, in the order of tables. Rejects with an ApiError. */
export async function readNamespaces(
  { client, prefix, index }: Source,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const resource = index.preferred('', 'namespaces');
  if (resource === undefined) return [];
  const request = ApiRequest.list(prefix, index, { resource, namespace: '' }, {}, 'metadata');
  const { items } = await client.json<ObjectList>(request, signal);
  return inOrder((items ?? []).flatMap(({ metadata }) => metadata?.name ?? []));
}
