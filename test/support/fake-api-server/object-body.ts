import { groupVersion, type ResourceType } from './discovery.js';
import { type Exchange, readBody } from './exchange.js';
import { isRecord, type KubeObject } from './objects.js';
import { decodeProtobuf } from './protobuf.js';
import { badRequest, unsupportedMediaType } from './status-failure.js';

const protobufType = 'application/vnd.kubernetes.protobuf';
const bodyTypes = ['application/json', protobufType];
const patchType = 'application/merge-patch+json';

/** The object of the type in a request's body, sent as JSON (even without Content-Type) or protobuf; throws 400 or 415. */
export async function readObject(exchange: Exchange, type: ResourceType): Promise<KubeObject> {
  const value = await readBodyOf(exchange, bodyTypes);
  if (!isRecord(value))
    throw badRequest(`the object provided is unrecognized (must be of type ${type.kind})`);
  const metadata = isRecord(value['metadata']) ? value['metadata'] : {};
  return { ...value, kind: type.kind, apiVersion: groupVersion(type), metadata };
}

/** The object with the merge patch in a request's body (RFC 7386: null removes, objects merge, everything else replaces); throws 400 or 415. */
export async function readPatched(exchange: Exchange, object: KubeObject): Promise<KubeObject> {
  return mergePatch(object, await readBodyOf(exchange, [patchType])) as KubeObject;
}

function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field];
    else result[field] = mergePatch(result[field], value);
  }
  return result;
}

async function readBodyOf({ request }: Exchange, accepted: readonly string[]): Promise<unknown> {
  const media = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? accepted[0] ?? '';
  if (!accepted.includes(media)) throw unsupportedMediaType(accepted);
  const body = await readBody(request);
  if (media === protobufType) return decodeProtobuf(body);
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw badRequest(`the body cannot be read: ${error}`);
  }
}
