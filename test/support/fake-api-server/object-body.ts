import { parse } from 'yaml';
import { groupVersion, type ResourceType } from './discovery.js';
import { type Exchange, readBody } from './exchange.js';
import { isRecord, type KubeObject } from './objects.js';
import { decodeProtobuf } from './protobuf.js';
import { isObjectLike } from './representation.js';
import { badRequest, unsupportedMediaType } from './status-failure.js';

const protobufType = 'application/vnd.kubernetes.protobuf';
const bodyTypes = ['application/json', 'application/yaml', protobufType];

/** The media type of a request body in lower case, without parameters. */
export function mediaType(exchange: Exchange): string {
  return (exchange.request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Parses JSON or YAML of an object of `kind`; throws 400. */
export function parseObject(text: string, kind: string, yaml: boolean): Record<string, unknown> {
  let value: unknown;
  try {
    value = yaml ? parse(text) : JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (!isObjectLike(value)) {
    throw badRequest(`the object provided is unrecognized (must be of type ${kind})`);
  }
  return value;
}

/** Turns a client's value into an object of the type. kind and apiVersion may be missing, but not differ. */
export function toKubeObject(type: ResourceType, value: Record<string, unknown>): KubeObject {
  const { kind = type.kind, apiVersion = groupVersion(type) } = value;
  if (kind !== type.kind || apiVersion !== groupVersion(type)) {
    throw badRequest(
      `${kind} in version "${apiVersion}" cannot be handled as a ${type.kind}: ` +
        `no kind "${kind}" is registered for the resource "${type.resource}"`,
    );
  }
  const metadata = isRecord(value['metadata']) ? value['metadata'] : {};
  return { ...value, kind: type.kind, apiVersion: groupVersion(type), metadata };
}

/**
 * The object of the type in a request's body, sent as JSON (even without Content-Type), YAML or protobuf; throws 400 or 415.
 */
export async function readObject(exchange: Exchange, type: ResourceType): Promise<KubeObject> {
  const media = mediaType(exchange);
  if (media !== '' && !bodyTypes.includes(media)) throw unsupportedMediaType(bodyTypes);
  const body = await readBody(exchange.request);
  const value =
    media === protobufType
      ? decodeProtobuf(body)
      : parseObject(body.toString(), type.kind, media === 'application/yaml');
  return toKubeObject(type, value);
}
