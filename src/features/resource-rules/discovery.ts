/** GETs a path of the API server. `body` is the parsed JSON, or undefined if the answer has none. May throw. */
export type FetchJson = (path: string, accept: string) => Promise<{ status: number; body: unknown }>;

/** Called with each resource (`subresource` is then '') and each subresource that the API server serves. */
export type Discovered = (group: string, resource: string, subresource: string) => void;

/** client-go's `Accept` header for the aggregated documents (KEP-3352), which every API server of Kubernetes 1.27 and later has. */
const aggregated = [
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList',
  'application/json',
].join(',');

/**
 * Asks the API server which resources it serves, by two requests, and calls `discovered` for each resource and subresource. Returns whether
 * both documents came. Throws what `fetchJson` throws.
 */
export async function discover(fetchJson: FetchJson, discovered: Discovered): Promise<boolean> {
  const answers = await Promise.all([fetchJson('/api', aggregated), fetchJson('/apis', aggregated)]);
  let isComplete = true;
  for (const { status, body } of answers) {
    if (status === 200 && text(body, 'kind') === 'APIGroupDiscoveryList') readGroups(body, discovered);
    else isComplete = false;
  }
  return isComplete;
}

function readGroups(body: unknown, discovered: Discovered): void {
  for (const group of list(body, 'items')) {
    const groupName = text(member(group, 'metadata'), 'name');
    for (const version of list(group, 'versions')) {
      for (const resource of list(version, 'resources')) {
        const name = text(resource, 'resource');
        discovered(groupName, name, '');
        for (const subresource of list(resource, 'subresources'))
          discovered(groupName, name, text(subresource, 'subresource'));
      }
    }
  }
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

function list(value: unknown, key: string): unknown[] {
  const found = member(value, key);
  return Array.isArray(found) ? found : [];
}

function text(value: unknown, key: string): string {
  const found = member(value, key);
  return typeof found === 'string' ? found : '';
}
