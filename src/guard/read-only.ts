import type { RawHeaders } from '../http/header-fields.js';
import type { RequestHead } from '../http/request-head.js';
import type { RequestInfo } from '../kubernetes/request-info.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
import { bool } from '../lib/value-type.js';
import { apiMounts, type OperationCheck, type OperationGuard } from './guard.js';
import { hasOneReading } from './one-reading.js';
import { Rejection } from './rejection.js';

const options = defineOptions('Filter', {
  readOnly: {
    type: bool,
    default: 'false',
    help: 'Allow only get, list, watch and access reviews: no writes, exec, attach, port-forward or proxy.',
  },
});

/** Nothing is written, and nothing is run. */
export const readOnly = {
  name: 'read-only',
  stage: 'operation',
  options,
  reasons: ['read_only'],
  judges: apiMounts,
  judgesOperations: true,
  create({ readOnly }: OptionValues<typeof options>): OperationCheck | undefined {
    return readOnly ? ({ path, head }) => rejectWrite(path.decidedOn, head) : undefined;
  },
} as const satisfies OperationGuard;

/** The API server answers these and stores nothing (authentication.k8s.io and authorization.k8s.io). */
const reviews: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['authentication.k8s.io', new Set(['selfsubjectreviews', 'tokenreviews'])],
  [
    'authorization.k8s.io',
    new Set([
      'localsubjectaccessreviews',
      'selfsubjectaccessreviews',
      'selfsubjectrulesreviews',
      'subjectaccessreviews',
    ]),
  ],
]);

/** A connecting subresource in any case. The API server does not know `pods/EXEC`, and no read needs it. */
const connect = /^(?:exec|attach|portforward|proxy)$/i;
/** Profiling makes the API server work for as long as the client asks. */
const profiling = /^\/*debug\/pprof(?:\/|$)/;
/**
 * The API server knows no such header. A program in between, or an aggregated API server, may know it, also with underscores in place of
 * the hyphens, or with neither.
 */
const methodOverride = /^(?:x[^a-z0-9]*)?(?:http[^a-z0-9]*)?method(?:[^a-z0-9]*override)?$/i;

/**
 * For `--read-only`: rejects everything but get, list, watch and access reviews. RequestInfo's verb decides, not the HTTP method, because
 * `kubectl exec` is a GET. Throws a Rejection.
 */
export function rejectWrite(info: RequestInfo, head: RequestHead): void {
  if (isRead(info, head) || isReview(info, head)) return;
  throw new Rejection(
    403,
    'read_only',
    'the request is refused by --read-only, which lets get, list, watch and access reviews pass and nothing else: ' +
      'no write, no exec, attach, port-forward or proxy, and no path that it cannot judge',
  );
}

/**
 * Whether a request only reads: get, list or watch without an upgrade, or one of the two reads that the API server serves over WebSockets.
 */
export function isRead(info: RequestInfo, head: RequestHead): boolean {
  const { method } = head;
  if ((method !== 'GET' && method !== 'HEAD') || !hasOneReading(info)) return false;
  if (overridesMethod(head.rawHeaders)) return false;
  if (head.asksForUpgrade) return isReadOverWebSocket(info, head);
  if (!info.isResourceRequest) return !profiling.test(info.path);
  const { verb } = info;
  if (verb !== 'get' && verb !== 'list' && verb !== 'watch') return false;
  return !connect.test(info.subresource);
}

function overridesMethod(rawHeaders: RawHeaders): boolean {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (methodOverride.test(rawHeaders[index] as string)) return true;
  }
  return false;
}

/**
 * A watch, or a Pod's log. Nothing else: an aggregated API may answer a GET of any subresource with a console, as KubeVirt's
 * `virtualmachineinstances/console` does.
 */
function isReadOverWebSocket(info: RequestInfo, { upgradeProtocol }: RequestHead): boolean {
  if (upgradeProtocol.toLowerCase() !== 'websocket') return false;
  if (info.verb === 'watch') return info.subresource === '';
  return (
    info.verb === 'get' && info.apiGroup === '' && info.resource === 'pods' && info.subresource === 'log'
  );
}

function isReview(info: RequestInfo, head: RequestHead): boolean {
  if (head.method !== 'POST' || info.verb !== 'create' || head.asksForUpgrade) return false;
  if (overridesMethod(head.rawHeaders)) return false;
  return reviews.get(info.apiGroup)?.has(info.resource) === true && info.name === '' && hasOneReading(info);
}
