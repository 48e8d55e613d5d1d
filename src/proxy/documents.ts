import { noSniff } from '../http/browser-fields.js';
import type { RequestContext } from '../request/context.js';

/** The parts of a request that decide what browsers may make of its answer. */
export type DocumentRequest = { readonly path: Pick<RequestContext['path'], 'proxied'> };

/** The option that decides about answers of the proxy subresource. */
export interface DocumentPolicy {
  /** Whether the guards sandbox what Pods, Services and nodes serve through the proxy subresource. */
  readonly sandboxesProxiedPages: boolean;
}

/**
 * A document without this origin and without scripts (CSP Level 3, `sandbox`), which no page of another origin may frame. The policy that
 * the answer has already stays in force beside it.
 */
const sandbox = ['Content-Security-Policy', "sandbox allow-downloads; frame-ancestors 'self'"] as const;

/** Types of API servers that no browser renders as a document. Metrics in Prometheus' own format are `text/plain`. */
const plainTypes: ReadonlySet<string> = new Set([
  'application/cbor',
  'application/cbor-seq',
  'application/json',
  'application/openmetrics-text',
  'application/vnd.kubernetes.protobuf',
  'application/yaml',
  'text/plain',
]);
/** More of these types: JSON with a name of its own, and OpenAPI documents in protobuf (kube-openapi). */
const namedPlainType =
  /^application\/(?:[\w!#$&^.-]+\+json|com\.github\.proto-openapi\.spec\.v\d[.@]v1\.0\+protobuf)$/;

const noSniffSandbox: readonly string[] = [...noSniff, ...sandbox];

/** Whether an answer is from behind the proxy subresource, and the guards trust what is there. Then it is not touched. */
export function isLeftToGuards(
  { path }: DocumentRequest,
  { sandboxesProxiedPages }: DocumentPolicy,
): boolean {
  return path.proxied !== undefined && !sandboxesProxiedPages;
}

/**
 * Fields that keep an answer away from this origin, which it shares with the API and with all other clusters, if a browser could render it
 * as a document. The guards sandbox what is behind the proxy subresource.
 *
 * @param contentType All values of the answer's Content-Type, as one list.
 */
export function documentFields(
  statusCode: number,
  contentType: string | undefined,
  { path }: DocumentRequest,
): readonly string[] {
  return path.proxied === undefined && mayBeDocument(statusCode, contentType) ? noSniffSandbox : noSniff;
}

/**
 * Whether a browser could render the answer as a document. If in doubt it says yes, because the policy has no effect on other answers. The
 * fields of a 304 and of a 206 replace those of a stored answer, whose type may be another one (RFC 9111, section 3.2).
 */
function mayBeDocument(statusCode: number, contentType: string | undefined): boolean {
  return statusCode === 304 || statusCode === 206 || !isPlainType(contentType);
}

/** A media type and its parameters. Browsers take the last one of several types in a list, so a comma makes it none. */
const mediaType = /^[ \t]*([^ \t;,]+)[ \t]*(?:;[^,]*)?$/;

/** Whether there is one type, and that is a plain one. */
function isPlainType(value: string | undefined): boolean {
  if (value === undefined) return false;
  if (plainTypes.has(value)) return true;
  const type = mediaType.exec(value)?.[1]?.toLowerCase() ?? '';
  return plainTypes.has(type) || namedPlainType.test(type);
}
