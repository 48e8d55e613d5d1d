import { customSchema } from './custom-resources.js';
import { type ApiTypes, groupVersion, type ResourceType } from './discovery.js';
import { type Exchange, sendJson, sendText } from './exchange.js';
import { schemasOf } from './schemas.js';

function pathOf(type: ResourceType): string {
  const root = type.group ? `/apis/${type.group}/${type.version}` : `/api/${type.version}`;
  return `${root}/${type.namespaced ? 'namespaces/{namespace}/' : ''}${type.resource}/{name}`;
}

function operation(type: ResourceType, action: string): unknown {
  const { group, version, kind } = type;
  return {
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, version, kind },
    responses: { 200: { description: 'OK' } },
  };
}

function patchOperation(type: ResourceType): unknown {
  const names = ['dryRun', 'fieldManager', 'fieldValidation'];
  const parameters = names.map(name => ({ name, in: 'query', schema: { type: 'string' } }));
  return { ...(operation(type, 'patch') as object), parameters };
}

const info = { title: 'Kubernetes', version: 'v1.34.9' };

function document(types: readonly ResourceType[], schemas: object): unknown {
  const paths = types
    .filter(type => type.verbs.includes('patch'))
    .map(type => [pathOf(type), { get: operation(type, 'get'), patch: patchOperation(type) }]);
  return { openapi: '3.0.0', info, paths: Object.fromEntries(paths), components: { schemas } };
}

function schemasOfAll(types: readonly ResourceType[]): object {
  const custom = types.filter(type => type.custom !== undefined);
  const [type] = custom.length > 0 ? [{ group: 'meta', version: 'v1' }] : types;
  const known = type === undefined ? {} : schemasOf(type.group, type.version);
  return Object.assign(known, ...custom.map(customSchema)) as object;
}

function byGroupVersion({ all }: ApiTypes): Map<string, ResourceType[]> {
  const groups = new Map<string, ResourceType[]>();
  for (const type of all) {
    const path = `${type.group ? 'apis' : 'api'}/${groupVersion(type)}`;
    groups.set(path, [...(groups.get(path) ?? []), type]);
  }
  return groups;
}

/**
 * Answers /openapi/v2 with an empty document, and /openapi/v3 with operations and schemas, only as JSON. That is enough for kubectl to see that the
 * server validates fields and accepts dryRun, and for `kubectl explain`. A client that accepts only protobuf gets 406. Returns false for other paths.
 */
export function serveOpenApi(exchange: Exchange, api: ApiTypes): boolean {
  const path = exchange.attributes.path.replace(/\/+$/, '');
  if (!path.startsWith('/openapi/')) return false;
  const accept = exchange.request.headers.accept ?? '*/*';
  if (!/application\/json|\*\/\*|application\/\*/.test(accept)) {
    sendText(exchange, 406, 'Only application/json is served here\n');
    return true;
  }
  if (path === '/openapi/v2') {
    sendJson(exchange, 200, { swagger: '2.0', info, paths: {} });
    return true;
  }
  const groups = byGroupVersion(api);
  if (path === '/openapi/v3') {
    const paths = [...groups.keys()].map(key => [key, { serverRelativeURL: `/openapi/v3/${key}?hash=0` }]);
    sendJson(exchange, 200, { paths: Object.fromEntries(paths) });
    return true;
  }
  const types = groups.get(path.slice('/openapi/v3/'.length));
  if (!types) return false;
  sendJson(exchange, 200, document(types, schemasOfAll(types)));
  return true;
}
