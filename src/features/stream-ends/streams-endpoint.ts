import type { AdminEndpoint } from '../../endpoints/own-endpoint.js';
import { StatusError } from '../../kubernetes/status.js';
import type { Logger } from '../../observability/log/logger.js';
import { isChosen, readFilter } from './filter.js';
import type { Followed } from './followed.js';
import { listStreams } from './list.js';

interface EndpointParts {
  /** The open requests, the oldest first. */
  readonly open: () => Iterable<Followed>;
  /** Whether `--admin-end-streams` is on. */
  readonly endsStreams: boolean;
  readonly logger: Pick<Logger, 'warn'>;
}

const off = 'open streams are ended here only with --admin-end-streams';
const tooMany = 'say which streams: /streams?user=NAME, with cluster and kind if you like, or /streams/ID';

/** `/streams` of the admin listener: GET lists the open requests, and DELETE ends them and lists those. */
export function createStreamsEndpoint({ open, endsStreams, logger }: EndpointParts): AdminEndpoint {
  const chosenBy = (query: URLSearchParams) => {
    const filter = readFilter(query);
    return { filter, chosen: [...open()].filter(({ stream }) => isChosen(filter, stream)) };
  };
  const end = (chosen: readonly Followed[], by: object) => {
    const ended = chosen.filter(({ isOver }) => !isOver);
    const answer = listStreams(ended);
    for (const followed of ended) followed.end('operator');
    logger.warn({ ...by, ended: ended.length }, 'an operator ends open streams');
    return answer;
  };
  return {
    path: '/streams',
    answer: query => listStreams(chosenBy(query).chosen),
    remove(query, id) {
      if (!endsStreams) throw new StatusError(403, off);
      const { filter, chosen } = chosenBy(query);
      if (id === undefined) {
        if (filter.size === 0) throw new StatusError(400, tooMany);
        return end(chosen, Object.fromEntries(filter));
      }
      if (filter.size > 0) throw new StatusError(400, tooMany);
      const found = chosen.filter(followed => followed.id === id);
      if (found.length === 0) throw new StatusError(404, 'no open stream of this process has this ID');
      return end(found, { id });
    },
  };
}
