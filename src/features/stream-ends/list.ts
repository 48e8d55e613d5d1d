import type { OpenStream } from '../../proxy/open-streams.js';
import type { Followed } from './followed.js';

/** The most streams of one answer. */
const mostStreams = 10_000;

/** One open stream. Fields that do not apply are left out. Nothing of it is secret. */
interface ListedStream {
  readonly user: string | undefined;
  /** The user that the caller acts as. */
  readonly impersonatedUser?: string | undefined;
  readonly verb: string;
  readonly apiGroup: string | undefined;
  readonly resource: string | undefined;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** Name of the context. */
  readonly cluster: string;
  readonly clientAddress: string | undefined;
  /** RFC 3339. */
  readonly since: string;
  readonly expires: string | undefined;
  readonly checked: string | undefined;
}

/** The open streams of callers for an operator, the oldest first, and how many there are besides. */
export function listStreams(open: ReadonlyMap<OpenStream, Followed>): {
  readonly streams: readonly ListedStream[];
  readonly leftOut: number;
} {
  const streams: ListedStream[] = [];
  for (const followed of open.values()) {
    if (streams.length === mostStreams) break;
    streams.push(toRow(followed));
  }
  return { streams, leftOut: open.size - streams.length };
}

function toRow({ stream: { request }, time, expires, checkedAt }: Followed): ListedStream {
  const { info, user, impersonatedUser } = request.record;
  return {
    user,
    impersonatedUser,
    verb: info.verb,
    apiGroup: info.apiGroup || undefined,
    resource: info.resource || undefined,
    subresource: info.subresource || undefined,
    namespace: info.namespace || undefined,
    name: info.name || undefined,
    cluster: request.cluster.name,
    clientAddress: request.clientAddress ?? request.raw.socket.remoteAddress,
    since: timeOf(time),
    expires: expires === undefined ? undefined : timeOf(expires),
    checked: checkedAt === undefined ? undefined : timeOf(checkedAt),
  };
}

/** A certificate may expire later than any Date. */
function timeOf(milliseconds: number): string {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? 'never' : date.toISOString();
}
