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
    this.all = this.groups.flatMap(({ metadata: { name: group = '' }, versions }) =>
      versions.flatMap(({ version, resources }) =>
        resources.map(({ resource, responseKind, scope, verbs, subresources = [] }) => ({
          ...{ group, version, resource, kind: responseKind.kind, namespaced: scope === 'Namespaced', verbs },
          subresources: new Map(subresources.map(sub => [sub.subresource, sub.verbs])),
          custom: custom.details.get(`${group}/${version}/${resource}`),
        })),
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

/** The resources of a group and version as APIResourceList has them. */
function legacyResources(group: string, version: string, resources: readonly DiscoveryResource[]): object {
  const list = resources.flatMap(entry => {
    const { resource: name, singularResource: singularName, verbs, shortNames, categories, scope } = entry;
    const namespaced = scope === 'Namespaced';
    const { kind } = entry.responseKind;
    const subs = (entry.subresources ?? []).map(({ subresource, verbs, responseKind }) => ({
      ...{ name: `${name}/${subresource}`, singularName: '', namespaced },
      ...(responseKind.group && { group: responseKind.group, version: responseKind.version }),
      ...{ kind: responseKind.kind, verbs },
    }));
    return [{ name, singularName, namespaced, kind, verbs, shortNames, categories }, ...subs];
  });
  const head = { kind: 'APIResourceList', ...(group !== '' && { apiVersion: 'v1' }) };
  return { ...head, groupVersion: groupVersion({ group, version }), resources: list };
}

function legacyGroup({ metadata: { name = '' }, versions: all }: DiscoveryGroup) {
  const versions = all.map(({ version }) => ({
    groupVersion: groupVersion({ group: name, version }),
    version,
  }));
  return { name, versions, preferredVersion: versions[0] };
}

const aggregatedMediaType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Answers /api, /apis and the paths below them down to the group version. Returns false for any other path. */
export function serveDiscovery(exchange: Exchange, api: ApiTypes): boolean {
  const { request, response, attributes } = exchange;
  const [, root, ...names] = attributes.path.replace(/\/+$/, '').split('/');
  if (root !== 'api' && root !== 'apis') return false;
  const isCore = root === 'api';
  const answer = (body: object, mediaType?: string) => {
    sendJson(exchange, 200, body, mediaType);
    return true;
  };
  if (names.length === 0 && request.headers.accept?.includes(aggregatedMediaType)) {
    response.setHeader('Vary', 'Accept');
    return answer(isCore ? api.core : api.named, aggregatedMediaType);
  }
  if (names.length === 0 && isCore) {
    const { localAddress, localPort } = request.socket;
    const addresses = [{ clientCIDR: '0.0.0.0/0', serverAddress: `${localAddress}:${localPort}` }];
    return answer({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: addresses });
  }
  if (names.length === 0) {
    return answer({ kind: 'APIGroupList', apiVersion: 'v1', groups: api.named.items.map(legacyGroup) });
  }
  const [groupName = '', wanted] = isCore ? ['', ...names] : names;
  const group = api.groups.find(({ metadata: { name = '' } }) => name === groupName);
  if (group === undefined) return false;
  if (wanted === undefined) return answer({ kind: 'APIGroup', apiVersion: 'v1', ...legacyGroup(group) });
  const version = group.versions.find(item => item.version === wanted);
  if (version === undefined) return false;
  return answer(legacyResources(groupName, wanted, version.resources));
}
