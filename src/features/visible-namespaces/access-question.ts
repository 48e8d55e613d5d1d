import { PbfReader, PbfWriter } from 'pbf';
import { fieldValue } from '../../http/header-fields.js';
import { isObject, type JsonObject, parseObject } from '../../lib/json.js';
import type { BodySink, ClientSink } from '../../transport/round-trip.js';
import { type HeldAnswer, HoldingTrip } from '../common/holding-trip.js';
import { memberSpan } from '../common/json-member.js';
import type { FilteringParts } from './filtered-cluster.js';

const reason = 'the proxy shows those namespaces that you may get';

/**
 * A SelfSubjectAccessReview of a client. It goes to the API server, whose answer repeats what it asks. If that is whether its user may list or
 * watch namespaces, and the API server only does not allow it, the answer is yes: the proxy answers such a request. Programs that ask first,
 * such as k9s, go on then.
 */
export class AccessTrip extends HoldingTrip<ClientSink, FilteringParts<ClientSink>> {
  start(): this {
    const { own, route, onward } = this.parts as FilteringParts<ClientSink>;
    this.use(onward.sendAfter(route, own, this));
    return this;
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    return this.holdSuccess(statusCode, statusMessage, headers);
  }

  protected decide(held: HeldAnswer): void {
    const contentType = fieldValue(held.headers, 'content-type') ?? '';
    const verb = held.isCompressed ? undefined : askedVerb(contentType, held.whole);
    const body = verb && permitted(contentType, held.whole, reason);
    const { filtered, as } = this.parts as FilteringParts<ClientSink>;
    if (verb === undefined || body === undefined) this.give(held);
    else
      filtered.serves(as, verb).then(
        serves => this.give(held, serves ? body : undefined),
        () => this.give(held),
      );
  }
}

/** What a SelfSubjectAccessReview asks, as far as it is about all namespaces. */
export type AskedVerb = 'list' | 'watch';

/** How an object in protobuf begins (apimachinery `serializer/protobuf`). */
const magic = Buffer.from('k8s\0');
const json = /^application\/json\b/i;
const protobuf = /^application\/vnd\.kubernetes\.protobuf\b/i;
/** Field numbers of apimachinery's and the API's generated.proto files. */
const fields = { rawOfUnknown: 2, spec: 2, status: 3, resourceAttributes: 1 };
const names = ['', 'namespace', 'verb', 'group', 'version', 'resource', 'subresource', 'name'];
const ofStatus = ['', 'allowed', 'reason', 'evaluationError', 'denied'];

/**
 * Whether a SelfSubjectAccessReview, in JSON or protobuf, asks if its user may list or watch all namespaces. Clients name a namespace although
 * it means nothing there: kubectl sends its own.
 */
export function askedVerb(contentType: string, body: Buffer): AskedVerb | undefined {
  const { verb, version = '', resource, ...more } = attributesOf(contentType, body) ?? {};
  const isAboutAll = ['group', 'subresource', 'name'].every(key => (more[key] ?? '') === '');
  if (!isAboutAll || resource !== 'namespaces' || !['', '*', 'v1'].includes(String(version)))
    return undefined;
  return verb === 'list' || verb === 'watch' ? verb : undefined;
}

function attributesOf(contentType: string, body: Buffer): JsonObject | undefined {
  if (json.test(contentType)) {
    const spec = parseObject(body.toString('utf8'))?.['spec'];
    const attributes = isObject(spec) ? spec['resourceAttributes'] : undefined;
    return isObject(attributes) ? attributes : undefined;
  }
  if (!protobuf.test(contentType)) return undefined;
  try {
    const attributes = message(message(rawOf(body), fields.spec), fields.resourceAttributes);
    return attributes && named(attributes, names);
  } catch {
    return undefined;
  }
}

/**
 * The answer to such a review, with a yes in place of a no that nobody insists on. Undefined for any other answer.
 *
 * @param reason Why, for whoever reads it.
 */
export function permitted(contentType: string, body: Buffer, reason: string): Buffer | undefined {
  if (json.test(contentType)) return permittedJson(body.toString('utf8'), reason);
  if (!protobuf.test(contentType)) return undefined;
  try {
    return permittedProtobuf(body, reason);
  } catch {
    return undefined;
  }
}

function permittedJson(text: string, reason: string): Buffer | undefined {
  const status = parseObject(text)?.['status'];
  const span = memberSpan(text, text.indexOf('{'), 'status');
  if (!isObject(status) || span === undefined || !isSoftNo(status)) return undefined;
  const yes = JSON.stringify({ allowed: true, reason });
  return Buffer.from(text.slice(0, span.start) + yes + text.slice(span.end));
}

function permittedProtobuf(body: Buffer, reason: string): Buffer | undefined {
  const raw = rawOf(body);
  if (raw === undefined || !isSoftNo(named(message(raw, fields.status) ?? none, ofStatus))) return undefined;
  const status = new PbfWriter();
  status.writeBooleanField(1, true);
  status.writeStringField(2, reason);
  const review = without(raw, fields.status);
  review.writeBytesField(fields.status, status.finish());
  const unknown = without(body.subarray(magic.length), fields.rawOfUnknown);
  unknown.writeBytesField(fields.rawOfUnknown, review.finish());
  return Buffer.concat([magic, unknown.finish()]);
}

/** The API server does not allow it, and no authorizer denies it. */
function isSoftNo({ allowed, denied }: JsonObject): boolean {
  return (allowed ?? false) === false && (denied ?? false) === false;
}

const none = new Uint8Array();

/** The object in a runtime.Unknown. */
function rawOf(body: Buffer): Uint8Array | undefined {
  return body.subarray(0, magic.length).equals(magic)
    ? message(body.subarray(magic.length), fields.rawOfUnknown)
    : undefined;
}

/** The last value of a field that has bytes. */
function message(bytes: Uint8Array | undefined, field: number): Uint8Array | undefined {
  return bytes === undefined
    ? undefined
    : new PbfReader(bytes).readFields<{ value?: Uint8Array }>((tag, result, pbf) => {
        if (tag === field) result.value = pbf.readBytes();
      }, {}).value;
}

/** Values of a message, by these names of its fields: texts, and booleans. */
function named(bytes: Uint8Array, keys: readonly string[]): JsonObject {
  return new PbfReader(bytes).readFields<Record<string, unknown>>((tag, result, pbf) => {
    const key = keys[tag];
    if (key === undefined) return;
    result[key] = key === 'allowed' || key === 'denied' ? pbf.readBoolean() : pbf.readString();
  }, {});
}

/** A copy of a message whose fields all have bytes, without one of them. */
function without(bytes: Uint8Array, field: number): PbfWriter {
  return new PbfReader(bytes).readFields<PbfWriter>((tag, copy, pbf) => {
    const value = pbf.readBytes();
    if (tag !== field) copy.writeBytesField(tag, value);
  }, new PbfWriter());
}
