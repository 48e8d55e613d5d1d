import { parse } from 'yaml';
import { groupVersion, type ResourceType } from './discovery.js';
import { type Exchange, readBody } from './exchange.js';
import { isRecord, type KubeObject } from './objects.js';
import { decodeProtobuf } from './protobuf.js';
import { isObjectLike } from './representation.js';
import { badRequest, unsupportedMediaType } from './status-failure.js';

const knownFields: Readonly<Record<string, readonly string[]>> = {
  ConfigMap: ['data', 'binaryData', 'immutable'],
  Secret: ['data', 'stringData', 'immutable', 'type'],
  ServiceAccount: ['secrets', 'imagePullSecrets', 'automountServiceAccountToken'],
  Namespace: ['spec', 'status'],
  Pod: ['spec', 'status'],
  Service: ['spec', 'status'],
  Deployment: ['spec', 'status'],
};

const protobufType = 'application/vnd.kubernetes.protobuf';
const bodyTypes = ['application/json', 'application/yaml', protobufType];

/** The media type of a request body in lower case, without parameters. */
export function mediaType(exchange: Exchange): string {
  return (exchange.request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function jsonProblem(text: string): string {
  const objectKey = /^\s*\{\s*([^"}\s])/.exec(text);
  if (objectKey) return `invalid character '${objectKey[1]}' looking for beginning of object key string`;
  const first = /^\s*([^\s[{"\dtfn-])/.exec(text);
  if (first) return `invalid character '${first[1]}' looking for beginning of value`;
  return 'unexpected end of JSON input';
}

/** Parses JSON or YAML of an object of `kind`; throws 400 with the API server's message. */
export function parseObject(text: string, kind: string, yaml: boolean): Record<string, unknown> {
  let value: unknown;
  try {
    value = yaml ? parse(text) : JSON.parse(text);
  } catch {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; ` +
        `json parse error: ${jsonProblem(text)} (${text.slice(0, 64)})`,
    );
  }
  if (!isObjectLike(value)) {
    throw badRequest(`the object provided is unrecognized (must be of type ${kind}): not an object`);
  }
  return value;
}

/**
 * Removes fields that the kind does not have, according to fieldValidation: Warn (the default) adds a Warning header, Strict
 * throws 400, Ignore does nothing else. It knows only top-level fields of the kinds above.
 */
function checkFields(exchange: Exchange, type: ResourceType, value: Record<string, unknown>): void {
  const known = knownFields[type.kind];
  const validation = exchange.query.get('fieldValidation') ?? 'Warn';
  const fields = Object.keys(value).filter(field => !['kind', 'apiVersion', 'metadata'].includes(field));
  const unknown = known ? fields.filter(field => !known.includes(field)) : [];
  for (const field of unknown) delete value[field];
  if (unknown.length === 0) return;
  const problems = unknown.map(field => `unknown field "${field}"`);
  if (validation === 'Strict') {
    throw badRequest(
      `${type.kind} in version "${type.version}" cannot be handled as a ${type.kind}: ` +
        `strict decoding error: ${problems.join(', ')}`,
    );
  }
  if (validation !== 'Warn') return;
  for (const problem of problems) {
    exchange.response.appendHeader('Warning', `299 - "${problem.replaceAll('"', '\\"')}"`);
  }
}

/** Turns a client's value into an object of the type. kind and apiVersion may be missing, but not differ. */
export function toKubeObject(
  exchange: Exchange,
  type: ResourceType,
  value: Record<string, unknown>,
): KubeObject {
  const { kind = type.kind, apiVersion = groupVersion(type) } = value;
  if (kind !== type.kind || apiVersion !== groupVersion(type)) {
    throw badRequest(
      `${kind} in version "${apiVersion}" cannot be handled as a ${type.kind}: ` +
        `no kind "${kind}" is registered for the resource "${type.resource}"`,
    );
  }
  checkFields(exchange, type, value);
  const metadata = isRecord(value['metadata']) ? value['metadata'] : {};
  return { ...value, kind: type.kind, apiVersion: groupVersion(type), metadata };
}

/**
 * The body of a request as a JSON object of `kind`, sent as JSON (even without Content-Type), YAML or protobuf; throws
 * 400 or 415.
 */
export async function readBodyObject(exchange: Exchange, kind: string): Promise<Record<string, unknown>> {
  const media = mediaType(exchange);
  if (media !== '' && !bodyTypes.includes(media)) throw unsupportedMediaType(bodyTypes);
  const body = await readBody(exchange.request);
  if (media !== protobufType) return parseObject(body.toString(), kind, media === 'application/yaml');
  try {
    return decodeProtobuf(body);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw badRequest(`the object provided is unrecognized (must be of type ${kind}): ${problem}`);
  }
}

/** The object of the type in a request's body; throws 400 or 415. */
export async function readObject(exchange: Exchange, type: ResourceType): Promise<KubeObject> {
  return toKubeObject(exchange, type, await readBodyObject(exchange, type.kind));
}
