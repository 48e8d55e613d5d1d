/** GETs a path of the API server. `body` is the parsed JSON, or undefined if the answer has none. May throw. */
export type FetchJson = (path: string, accept: string) => Promise<{ status: number; body: unknown }>;

/** Called with each resource (`subresource` is then '') and each subresource that the API server serves. */
export type Discovered = (group: string, version: string, resource: string, subresource: string) => void;

/** client-go's `Accept` header for discovery. It asks for the aggregated documents (KEP-3352), or else for the old ones. */
const aggregated = [
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList',
  'application/json',
].join(',');

// A server that has only the old documents gets one request for each group version. No real server has nearly as many.
const maxGroupVersions = 300;

/**
 * Asks the API server which resources it serves, and calls `discovered` for each resource and subresource. Returns whether every document
 * came. A missing document does not stop the others. Throws what `fetchJson` throws for /api and /apis.
 */
export async function discover(fetchJson: FetchJson, discovered: Discovered): Promise<boolean> {
  const answers = await Promise.all([fetchJson('/api', aggregated), fetchJson('/apis', aggregated)]);
  const groupVersions: { group: string; version: string }[] = [];
  let complete = true;
  for (const { status, body } of answers) {
    if (status !== 200) complete = false;
    else if (text(body, 'kind') === 'APIGroupDiscoveryList') readAggregated(body, discovered);
    else groupVersions.push(...listGroupVersions(body));
  }
  for (const { group, version } of groupVersions.slice(0, maxGroupVersions)) {
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    // An aggregated API that is down must not hide the groups after it.
    const answer = await fetchJson(path, 'application/json').catch(() => undefined);
    if (answer?.status === 200) readResourceList(group, version, answer.body, discovered);
    else complete = false;
  }
  return complete;
}

function readAggregated(body: unknown, discovered: Discovered): void {
  for (const group of list(body, 'items')) {
    const groupName = text(member(group, 'metadata'), 'name');
    for (const version of list(group, 'versions')) {
      for (const resource of list(version, 'resources')) {
        const [versionName, name] = [text(version, 'version'), text(resource, 'resource')];
        discovered(groupName, versionName, name, '');
        for (const subresource of list(resource, 'subresources'))
          discovered(groupName, versionName, name, text(subresource, 'subresource'));
      }
    }
  }
}

function listGroupVersions(body: unknown): { group: string; version: string }[] {
  if (text(body, 'kind') === 'APIVersions')
    return list(body, 'versions').map(version => ({ group: '', version: String(version) }));
  return list(body, 'groups').flatMap(group =>
    list(group, 'versions').map(version => ({
      group: text(group, 'name'),
      version: text(version, 'version'),
    })),
  );
}

function readResourceList(group: string, version: string, body: unknown, discovered: Discovered): void {
  for (const entry of list(body, 'resources')) {
    const [resource = '', subresource = ''] = text(entry, 'name').split('/');
    discovered(group, version, resource, subresource);
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
