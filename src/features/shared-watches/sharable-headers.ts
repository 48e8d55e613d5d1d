import type { RawHeaders } from '../../http/header-fields.js';

/** Header fields that do not change the events of a watch. A watch with any other field, in any spelling, is not shared. */
const harmless: ReadonlySet<string> = new Set([
  // The API server gets the proxy's own field in place of the client's, or none.
  'content-length',
  'host',
  'keep-alive',
  'te',
  // For the API server's logs and audit events.
  'forwarded',
  'kubectl-command',
  'kubectl-session',
  'user-agent',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-scheme',
  'x-real-ip',
  'x-scheme',
  // Tracing.
  'b3',
  'baggage',
  'traceparent',
  'tracestate',
  'uber-trace-id',
  'x-amzn-trace-id',
  'x-b3-flags',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-spanid',
  'x-b3-traceid',
  'x-cloud-trace-context',
  'x-correlation-id',
  'x-request-id',
  // Fields that browsers and client libraries add. A GET request has no content, so its type means nothing.
  'accept-language',
  'cache-control',
  'content-type',
  'dnt',
  'origin',
  'pragma',
  'priority',
  'referer',
  'sec-gpc',
  'upgrade-insecure-requests',
  'x-requested-with',
]);
/** The most characters of a field that is a part of the key. */
const mostKeyCharacters = 1024;
const harmlessPrefix = /^sec-(?:ch|fetch)-/;

/** The fields that clients of a shared watch have in common; empty if there is none. */
export interface SharableHeaders {
  readonly accept: string;
  readonly acceptEncoding: string;
}

/**
 * Reads the fields that are a part of the key of a watch, of at most 1 KB. Returns undefined if they are longer, or if another field can
 * change the events. Fields that authenticate or impersonate (Authorization, Cookie, Impersonate-*, X-Remote-*) are not on the list, and
 * unknown fields are not either.
 */
export function sharableHeaders(rawHeaders: RawHeaders): SharableHeaders | undefined {
  let accept: string | undefined;
  let acceptEncoding: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const key = (rawHeaders[index] as string).toLowerCase();
    const value = rawHeaders[index + 1] as string;
    // If a field is repeated, Go reads the first one (`Header.Get`), and other programs read them as one list.
    if (key === 'accept') {
      if (accept !== undefined) return undefined;
      accept = value;
    } else if (key === 'accept-encoding') {
      if (acceptEncoding !== undefined) return undefined;
      acceptEncoding = value;
    } else if (key === 'connection') {
      if (!namesNoField(value)) return undefined;
    } else if (!harmless.has(key) && !harmlessPrefix.test(key)) return undefined;
  }
  const kept = { accept: accept ?? '', acceptEncoding: acceptEncoding ?? '' };
  return kept.accept.length + kept.acceptEncoding.length > mostKeyCharacters ? undefined : kept;
}

const connectionOptions: ReadonlySet<string> = new Set(['', 'close', 'keep-alive']);

/** Whether a Connection field asks neither for the removal of a field nor for an upgrade. */
function namesNoField(value: string): boolean {
  return value.split(',').every(option => connectionOptions.has(option.trim().toLowerCase()));
}

/** Fields of an answer that are about the user as whom a watch was sent: the flow schema, the audit event, a load balancer's session. */
const ofSender = /^(?:x-kubernetes-pf-.*|audit-id|set-cookie)$/i;

/**
 * The fields of a shared answer for one of its clients: with the time of now, and if it is shared with other users, with nothing about
 * the one as whom it was sent.
 */
export function headOfClient(
  headers: RawHeaders,
  { api, auditId }: { readonly api: object | undefined; readonly auditId: string | undefined },
): string[] {
  const fields: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] as string;
    if (api !== undefined && ofSender.test(name)) continue;
    fields.push(
      name,
      name.toLowerCase() === 'date' ? new Date().toUTCString() : (headers[index + 1] as string),
    );
  }
  if (auditId !== undefined) fields.push('Audit-Id', auditId);
  return fields;
}
