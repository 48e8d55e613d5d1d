import { fieldValue } from '../../http/header-fields.js';
import { utf8Text } from '../../http/percent-encoding.js';
import { StatusError } from '../../kubernetes/status.js';
import type { Logger } from '../../observability/log/logger.js';
import { passedBytes } from '../../request/record.js';
import { isChosen, kindOf, readFilter } from './filter.js';
import type { Followed } from './followed.js';
import type { OperatorActions } from './operator-routes.js';

interface ActionParts {
  /** The open requests, the oldest first. */
  readonly open: () => Iterable<Followed>;
  /** Whether `--admin-end-streams` is on. */
  readonly endsStreams: boolean;
  readonly logger: Pick<Logger, 'warn'>;
}

const off = 'open streams are ended here only with --admin-end-streams';
const tooMany = 'say which streams: /streams?user=NAME, with cluster and kind if you like, or /streams/ID';

/** Lists the open requests; ends some of them, and lists these. */
export function createOperatorActions({ open, endsStreams, logger }: ActionParts): OperatorActions {
  const chosenBy = (query: URLSearchParams) => {
    const filter = readFilter(query);
    return { filter, chosen: [...open()].filter(({ stream }) => isChosen(filter, stream)) };
  };
  const endAll = (chosen: readonly Followed[], by: object) => {
    const ended = chosen.filter(({ isOver }) => !isOver);
    const answer = listStreams(ended);
    for (const followed of ended) followed.end('operator');
    logger.warn({ ...by, ended: ended.length }, 'an operator ends open streams');
    return answer;
  };
  return {
    list: query => listStreams(chosenBy(query).chosen),
    end(query, id) {
      if (!endsStreams) throw new StatusError(403, off);
      const { filter, chosen } = chosenBy(query);
      if (id === undefined) {
        if (filter.size === 0) throw new StatusError(400, tooMany);
        return endAll(chosen, Object.fromEntries(filter));
      }
      if (filter.size > 0) throw new StatusError(400, tooMany);
      const found = chosen.filter(followed => followed.id === id);
      if (found.length === 0) throw new StatusError(404, 'no open stream of this process has this ID');
      return endAll(found, { id });
    },
  };
}

/** The most streams of one answer. */
const mostStreams = 10_000;

/** The most characters of a client's User-Agent. */
const mostOfUserAgent = 256;

/** One open stream. Fields that do not apply are left out. Nothing of it is secret. */
interface ListedStream {
  /** For DELETE. Another process has other IDs. */
  readonly id: string;
  readonly kind: string;
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
  readonly userAgent: string | undefined;
  /** As in the log. */
  readonly requestId: string;
  /** Written to the client's connection so far, as in the log. */
  readonly bytes: number;
  readonly ageSeconds: number;
  /** RFC 3339. */
  readonly since: string;
  readonly expires: string | undefined;
  readonly checked: string | undefined;
}

/** Open streams for an operator, and how many there are besides. */
function listStreams(chosen: readonly Followed[]): {
  readonly streams: readonly ListedStream[];
  readonly leftOut: number;
} {
  const streams = chosen.slice(0, mostStreams).map(toRow);
  return { streams, leftOut: chosen.length - streams.length };
}

function toRow({ id, stream, time, age, expires, checkedAt }: Followed): ListedStream {
  const { request } = stream;
  const { info, user, impersonatedUser, origin } = request.record;
  const userAgent = fieldValue(request.head.rawHeaders, 'user-agent');
  return {
    id,
    kind: kindOf(stream),
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
    userAgent: userAgent && utf8Text(userAgent.slice(0, mostOfUserAgent)),
    requestId: origin.requestId,
    bytes: request.http2?.bytesSent ?? passedBytes(request.raw.socket).sent,
    ageSeconds: Math.floor(age / 1_000),
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
