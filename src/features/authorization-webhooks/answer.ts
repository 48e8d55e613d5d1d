import { quoted } from '../../kubernetes/quoted.js';
import { isObject, type JsonObject, parseObject } from '../../lib/json.js';
import { isPlainJson } from '../common/json-member.js';
import type { WebhookAnswer } from './configuration.js';
import { apiVersion, kind } from './review.js';
import { WebhookError } from './webhook-error.js';

/** The status of a review. */
export interface ReviewStatus {
  readonly isAllowed: boolean;
  readonly isDenied: boolean;
  readonly reason: string;
}

/** The most characters of a reason: it becomes a part of an answer, and of lines of the log. */
const longestReason = 10_000;
/** The API server reads 10,000. */
const mostLevels = 100;

/** What a value may be, besides null: a list, a map of any names, and members have shapes of their own. */
type Shape =
  | 'string'
  | 'boolean'
  | 'nothing'
  | { readonly list: Shape }
  | { readonly map: Shape }
  | { readonly members: { readonly [name: string]: Shape } };

const strings = { list: 'string' } as const;
const texts = (...names: readonly string[]) =>
  Object.fromEntries(names.map(name => [name, 'string' as const]));

const requirement: Shape = { members: { ...texts('key', 'operator'), values: strings } };
const selector: Shape = { members: { rawSelector: 'string', requirements: { list: requirement } } };

/** `SubjectAccessReview` of authorization.k8s.io/v1. A review has no use for members that must be nothing, and Go reads them in ways of its own. */
const review: Shape = {
  members: {
    ...texts('apiVersion', 'kind'),
    metadata: {
      members: {
        ...texts('name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion'),
        ...{ labels: { map: 'string' }, annotations: { map: 'string' }, finalizers: strings },
        ...{ generation: 'nothing', deletionGracePeriodSeconds: 'nothing' },
        ...{ creationTimestamp: 'nothing', deletionTimestamp: 'nothing' },
        ...{ ownerReferences: 'nothing', managedFields: 'nothing' },
      },
    },
    spec: {
      members: {
        ...texts('user', 'uid'),
        ...{ groups: strings, extra: { map: strings } },
        resourceAttributes: {
          members: {
            ...texts('namespace', 'verb', 'group', 'version', 'resource', 'subresource', 'name'),
            ...{ fieldSelector: selector, labelSelector: selector },
          },
        },
        nonResourceAttributes: { members: texts('path', 'verb') },
      },
    },
    status: { members: { allowed: 'boolean', denied: 'boolean', ...texts('reason', 'evaluationError') } },
  },
};

/**
 * Reads the answer of a webhook as the API server does: null is a missing value, and without a kind it is a review. Throws a WebhookError for
 * anything else. Of what Go's decoders may read in another way, the error always denies: the API server may have read a denial.
 */
export function readStatus(answer: WebhookAnswer): ReviewStatus {
  const content = contentOf(answer);
  refuseOtherKind(content);
  check(content, review, []);
  const { allowed, denied, reason } = (content['status'] ?? {}) as JsonObject;
  return {
    isAllowed: allowed === true,
    isDenied: denied === true,
    reason: String(reason ?? '').slice(0, longestReason),
  };
}

const token = "[-!#$%&'+.^_`|~0-9A-Za-z]+";
/** A type that every parser reads alike, with one parameter at most. */
const plainType = new RegExp(`^${token}/${token}[ \t]*(?:;[ \t]*(?:${token}=(?:${token}|"[^"\\\\]*"))?)?$`);

function contentOf({ contentType = '', contentEncoding = '', text }: WebhookAnswer): JsonObject {
  if (text === '') throw new WebhookError('the answer of the webhook is empty');
  if (contentType !== '' && !plainType.test(contentType)) throw unclear('its Content-Type is no plain one');
  if (contentEncoding !== '' && contentEncoding.toLowerCase() !== 'identity')
    throw unclear('it has a Content-Encoding');
  const content = parseObject(text);
  if (content === undefined) throw unclear('it is no object of plain JSON');
  if (!isPlainJson(text, content, mostLevels))
    throw unclear(`a member is there twice, or there are more than ${mostLevels} levels`);
  return content;
}

function refuseOtherKind(content: JsonObject): void {
  const itsKind = content['kind'] || kind;
  const itsVersion = content['apiVersion'] || apiVersion;
  if (itsKind === kind && itsVersion === apiVersion) return;
  // For Go it is a missing one.
  if (String(itsVersion).endsWith('/')) throw unclear('its apiVersion is incomplete');
  throw new WebhookError(`the answer of the webhook is no ${kind} of ${apiVersion}`);
}

/** Throws a WebhookError if a value has not this shape. */
function check(value: unknown, shape: Shape, path: readonly string[]): void {
  if (value === null) return;
  if (shape === 'nothing') throw unclear(`it has ${path.join('.')}`);
  if (typeof shape === 'string') {
    if (typeof value !== shape) throw mistyped(path);
  } else if ('list' in shape) {
    if (!Array.isArray(value)) throw mistyped(path);
    for (const item of value) check(item, shape.list, path);
  } else if (!isObject(value)) throw mistyped(path);
  else if ('map' in shape) for (const item of Object.values(value)) check(item, shape.map, path);
  else {
    const spellings = new Set(Object.keys(shape.members).map(folded));
    for (const [name, member] of Object.entries(value)) {
      if (Object.hasOwn(shape.members, name)) check(member, shape.members[name] as Shape, [...path, name]);
      else if (spellings.has(folded(name))) throw unclear(`${quoted(name)} is there in another case`);
    }
  }
}

/** Equal for two names that Go's encoding/json takes for one. */
function folded(name: string): string {
  return name.toUpperCase().toLowerCase();
}

function mistyped(path: readonly string[]): WebhookError {
  return new WebhookError(`${path.join('.')} in the answer of the webhook has a wrong type`);
}

function unclear(what: string): WebhookError {
  return new WebhookError(`the answer of the webhook can be read in more than one way: ${what}`, {
    alwaysDenies: true,
  });
}
