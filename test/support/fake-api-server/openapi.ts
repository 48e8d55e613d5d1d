import { type ApiTypes, groupVersion, type ResourceType } from './discovery.js';
import { type Exchange, sendJson } from './exchange.js';
import { schemasOf } from './schemas.js';

function schemasOfAll(types: readonly ResourceType[]): object {
  const custom = types.filter(type => type.custom !== undefined);
  const [type] = custom.length > 0 ? [{ group: 'meta', version: 'v1' }] : types;
  const known = type === undefined ? {} : schemasOf(type.group, type.version);
  return Object.assign(known, ...custom.map(customSchema)) as object;
}

/** The schema of a custom resource by its name, with the metadata that every object has. */
function customSchema({ group, version, kind, custom }: ResourceType): Record<string, object> {
  const { properties = {}, ...rest } = custom?.schema ?? {};
  const head = {
    apiVersion: { type: 'string', description: 'The group and version of the schema.' },
    kind: { type: 'string', description: 'The kind of the object.' },
    metadata: { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }] },
  };
  const schema = {
    ...{ type: 'object', ...rest, properties: { ...head, ...(properties as object) } },
    'x-kubernetes-group-version-kind': [{ group, version, kind }],
  };
  return { [[...group.split('.').reverse(), version, kind].join('.')]: schema };
}

/** The path of an object, with its kind, by which `kubectl explain` finds the schema. */
function pathOf({ group, version, kind, namespaced, resource }: ResourceType): [path: string, item: object] {
  const root = group ? `/apis/${group}/${version}` : `/api/${version}`;
  const get = {
    'x-kubernetes-action': 'get',
    'x-kubernetes-group-version-kind': { group, version, kind },
    responses: { 200: { description: 'OK' } },
  };
  return [`${root}/${namespaced ? 'namespaces/{namespace}/' : ''}${resource}/{name}`, { get }];
}

const info = { title: 'Kubernetes', version: 'v1.34.9' };

/** Answers /openapi/v2 with an empty document, and /openapi/v3 with the schemas of each group version, as JSON. Returns false for other paths. */
export function serveOpenApi(exchange: Exchange, { all }: ApiTypes): boolean {
  const [, openapi, version, ...rest] = exchange.attributes.path.replace(/\/+$/, '').split('/');
  if (openapi !== 'openapi' || (version !== 'v2' && version !== 'v3')) return false;
  if (version === 'v2') {
    sendJson(exchange, 200, { swagger: '2.0', info, paths: {} });
    return true;
  }
  const groups = new Map<string, ResourceType[]>();
  for (const type of all) {
    const key = `${type.group ? 'apis' : 'api'}/${groupVersion(type)}`;
    groups.set(key, [...(groups.get(key) ?? []), type]);
  }
  const path = rest.join('/');
  if (path === '') {
    const paths = [...groups.keys()].map(key => [key, { serverRelativeURL: `/openapi/v3/${key}?hash=0` }]);
    sendJson(exchange, 200, { paths: Object.fromEntries(paths) });
    return true;
  }
  const types = groups.get(path);
  if (types === undefined) return false;
  sendJson(exchange, 200, {
    openapi: '3.0.0',
    info,
    paths: Object.fromEntries(types.map(pathOf)),
    components: { schemas: schemasOfAll(types) },
  });
  return true;
}
