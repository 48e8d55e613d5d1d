import { StatusError } from '../../kubernetes/status.js';
import type { OpenStream } from '../../proxy/open-streams.js';

const subresources = ['log', 'exec', 'attach', 'portforward', 'proxy'] as const;
const kinds = ['watch', ...subresources, 'upgrade', 'request'] as const;

/** What a stream is, for people: an upgrade to another subresource than these is an `upgrade`, any other request a `request`. */
type StreamKind = (typeof kinds)[number];

export function kindOf({ request: { record } }: OpenStream): StreamKind {
  const { verb, subresource } = record.info;
  if (verb === 'watch') return 'watch';
  const own = subresources.find(each => each === subresource);
  return own ?? (record.isUpgrade ? 'upgrade' : 'request');
}

const properties = {
  user: ({ request }: OpenStream) => request.record.user,
  cluster: ({ request }: OpenStream) => request.cluster.name,
  kind: kindOf,
};
type Property = keyof typeof properties;

/** Which streams somebody asks for: those with all of these values. */
export type StreamFilter = ReadonlyMap<Property, string>;

/** Reads a query such as `user=jane&kind=exec`. Throws a StatusError for what it does not know, so that a mistake chooses no other streams. */
export function readFilter(query: URLSearchParams): StreamFilter {
  const filter = new Map<Property, string>();
  for (const [name, value] of query) {
    if (!Object.hasOwn(properties, name) || filter.has(name as Property) || value === '')
      throw new StatusError(400, 'the query may have user, cluster and kind, each once and with a value');
    if (name === 'kind' && !(kinds as readonly string[]).includes(value))
      throw new StatusError(400, `kind is one of ${kinds.join(', ')}`);
    filter.set(name as Property, value);
  }
  return filter;
}

/** Whether a stream has the values of a filter. */
export function isChosen(filter: StreamFilter, stream: OpenStream): boolean {
  for (const [name, value] of filter) if (properties[name](stream) !== value) return false;
  return true;
}
