import {
  type DiscoveryGroup,
  type DiscoveryList,
  type DiscoveryResource,
  readRecordedDiscovery,
} from '../recorded-discovery.js';
import { type CustomDetails, readDefinitions } from './custom-resources.js';
import { type Exchange, sendJson } from './exchange.js';
import type { KubeObject } from './objects.js';
import type { RequestAttributes } from './request-attributes.js';

/** One resource of the API: its path, its verbs and the names of its objects. */
export interface ResourceType {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly subresources: ReadonlyMap<string, readonly string[]>;
  /** The parts of its definition, if it is a custom resource. */
  readonly custom?: CustomDetails | undefined;
}

const recorded = readRecordedDiscovery();

/** `v1` or `apps/v1`: a group and version as apiVersion writes them. */
export function groupVersion(type: { readonly group: string; readonly version: string }): string {
  return type.group ? `${type.group}/${type.version}` : type.version;
}

function toResourceType(
  group: string,
  version: string,
  entry: DiscoveryResource,
  custom: CustomDetails | undefined,
): ResourceType {
  return {
    group,
    version,
    resource: entry.resource,
    kind: entry.responseKind.kind,
    namespaced: entry.scope === 'Namespaced',
    verbs: entry.verbs,
    subresources: new Map((entry.subresources ?? []).map(sub => [sub.subresource, sub.verbs])),
    custom,
  };
}

/** The groups and resources of one API server: those of the recorded one, and its custom resources. */
export class ApiTypes {
  readonly core: DiscoveryList = recorded.core;
  readonly named: DiscoveryList;
  /** Core group first. */
  readonly all: readonly ResourceType[];
  readonly #byPath: ReadonlyMap<string, ResourceType>;

  constructor(definitions: readonly KubeObject[] = []) {
    const custom = readDefinitions(definitions);
    this.named = { ...recorded.groups, items: [...recorded.groups.items, ...custom.groups] };
    this.all = this.groups.flatMap(group =>
      group.versions.flatMap(version =>
        version.resources.map(entry => {
          const { name = '' } = group.metadata;
          const details = custom.details.get(`${name}/${version.version}/${entry.resource}`);
          return toResourceType(name, version.version, entry, details);
        }),
      ),
    );
    this.#byPath = new Map(this.all.map(type => [`${groupVersion(type)}/${type.resource}`, type]));
  }

  get groups(): readonly DiscoveryGroup[] {
    return [...this.core.items, ...this.named.items];
  }

  /** The resource that a request names, or undefined if this API does not have it. */
  find(attributes: Pick<RequestAttributes, 'group' | 'version' | 'resource'>): ResourceType | undefined {
    return this.#byPath.get(`${groupVersion(attributes)}/${attributes.resource}`);
  }

  /** The resource of an object; throws for an unknown kind. */
  of({ apiVersion, kind }: Pick<KubeObject, 'apiVersion' | 'kind'>): ResourceType {
    const type = this.all.find(known => known.kind === kind && groupVersion(known) === apiVersion);
    if (type === undefined) throw new Error(`no kind ${apiVersion} ${kind}`);
    return type;
  }
}

function legacyResources(group: string, version: string, resources: readonly DiscoveryResource[]): unknown {
  const own = groupVersion({ group, version });
  const list = resources.flatMap(entry => {
    const namespaced = entry.scope === 'Namespaced';
    const { resource: name, singularResource: singularName, verbs, shortNames, categories } = entry;
    const kind = entry.responseKind.kind;
    const main = { name, singularName, namespaced, kind, verbs, shortNames, categories };
    const subs = (entry.subresources ?? []).map(sub => {
      const other = sub.responseKind.group
        ? { group: sub.responseKind.group, version: sub.responseKind.version }
        : {};
      const subName = `${name}/${sub.subresource}`;
      return {
        name: subName,
        singularName: '',
        namespaced,
        ...other,
        kind: sub.responseKind.kind,
        verbs: sub.verbs,
      };
    });
    return [main, ...subs];
  });
  const head = group === '' ? { kind: 'APIResourceList' } : { kind: 'APIResourceList', apiVersion: 'v1' };
  return { ...head, groupVersion: own, resources: list };
}

function legacyGroup(group: DiscoveryGroup): Record<string, unknown> {
  const name = group.metadata.name ?? '';
  const versions = group.versions.map(({ version }) => ({
    groupVersion: groupVersion({ group: name, version }),
    version,
  }));
  return { name, versions, preferredVersion: versions[0] };
}

const aggregatedMediaType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Answers /api, /apis and the paths below them down to the group version. Returns false for any other path. */
export function serveDiscovery(exchange: Exchange, api: ApiTypes): boolean {
  const path = exchange.attributes.path.replace(/\/+$/, '');
  const root = path === '/api' ? api.core : path === '/apis' ? api.named : undefined;
  if (root && exchange.request.headers.accept?.includes(aggregatedMediaType)) {
    exchange.response.setHeader('Vary', 'Accept');
    sendJson(exchange, 200, root, aggregatedMediaType);
    return true;
  }
  if (path === '/api') {
    const { localAddress, localPort } = exchange.request.socket;
    const serverAddressByClientCIDRs = [
      { clientCIDR: '0.0.0.0/0', serverAddress: `${localAddress}:${localPort}` },
    ];
    sendJson(exchange, 200, { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs });
    return true;
  }
  if (path === '/apis') {
    const list = api.named.items.map(legacyGroup);
    sendJson(exchange, 200, { kind: 'APIGroupList', apiVersion: 'v1', groups: list });
    return true;
  }
  const [, root1, groupName = '', versionName = ''] = path.split('/');
  const core = root1 === 'api';
  if (!core && root1 !== 'apis') return false;
  const group = api.groups.find(item => (item.metadata.name ?? '') === (core ? '' : groupName));
  const wanted = core ? groupName : versionName;
  if (group && !core && wanted === '') {
    sendJson(exchange, 200, { kind: 'APIGroup', apiVersion: 'v1', ...legacyGroup(group) });
    return true;
  }
  const version = group?.versions.find(item => item.version === wanted);
  if (!version) return false;
  sendJson(exchange, 200, legacyResources(core ? '' : groupName, wanted, version.resources));
  return true;
}
