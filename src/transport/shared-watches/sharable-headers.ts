import type { RawHeaders } from '../../http/header-fields.js';

/** Header fields that change nothing about the events of a watch. Every other field, in whatever spelling, keeps a watch from sharing. */
const harmless: ReadonlySet<string> = new Set([
  // The proxy's own field goes upstream in its place, or none at all.
  'content-length',
  'host',
  'keep-alive',
  'te',
  // These two are part of what watches share.
  'accept',
  'accept-encoding',
  // For the API server's logs and audit events.
  'audit-id',
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
  // What browsers and client libraries add. A GET has no content, so that its type means nothing.
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

/**
 * Whether every header field is one that cannot change the events of a watch. What authenticates or impersonates (Authorization, Cookie,
 * Impersonate-*, X-Remote-*) is not on the list, and neither is what nobody has thought of.
 */
export function sharableHeaders(rawHeaders: RawHeaders): boolean {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const key = (rawHeaders[index] as string).toLowerCase();
    // Go reads the first of several (`Header.Get`), others read them as one list.
    if ((key === 'accept' || key === 'accept-encoding') && seen.has(key)) return false;
    seen.add(key);
    if (key === 'connection') {
      if (!namesNoField(rawHeaders[index + 1] as string)) return false;
    } else if (!harmless.has(key) && !harmlessPrefix.test(key)) return false;
  }
  return true;
}

const connectionOptions: ReadonlySet<string> = new Set(['', 'close', 'keep-alive']);

/** Whether a Connection field names nothing that would be taken off the request, or switched to. */
function namesNoField(value: string): boolean {
  return value.split(',').every(option => connectionOptions.has(option.trim().toLowerCase()));
}
