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
  'accept-encoding',
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
const harmlessPrefix = /^sec-(?:ch|fetch)-/;

/** Values of Accept by which the API server chooses JSON, and not its form as a Table or as metadata alone. */
const ofJson: ReadonlySet<string> = new Set(['', '*/*', 'application/json', 'application/json, */*']);
/** The most characters of Accept, which stays with the watch. */
const mostCharacters = 1024;

/**
 * The Accept of a shared watch for a client with these fields, which is the same for all that ask for plain JSON. Returns undefined if it is
 * longer than 1 KB, or if another field can change the events. Fields that authenticate or impersonate (Authorization, Cookie, Impersonate-*,
 * X-Remote-*) are not on the list, and unknown fields are not either. What is shared is not compressed, because it has to be read.
 */
export function sharedAccept(rawHeaders: RawHeaders): string | undefined {
  let accept: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const key = (rawHeaders[index] as string).toLowerCase();
    const value = rawHeaders[index + 1] as string;
    if (key === 'accept') {
      // If a field is repeated, Go reads the first one (`Header.Get`), and other programs read them as one list.
      if (accept !== undefined) return undefined;
      accept = value;
    } else if (key === 'connection') {
      if (!namesNoField(value)) return undefined;
    } else if (!harmless.has(key) && !harmlessPrefix.test(key)) return undefined;
  }
  if (ofJson.has(accept ?? '')) return 'application/json';
  return accept === undefined || accept.length > mostCharacters ? undefined : accept;
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
