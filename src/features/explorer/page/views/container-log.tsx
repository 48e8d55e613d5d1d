import { useMemo, useRef, useState } from 'preact/hooks';
import type { Container } from '../api/containers.js';
import { ApiRequest, type ObjectName } from '../api/requests.js';
import { LogSearch } from '../live/log-search.js';
import { type LogLine, PodLog } from '../live/pod-log.js';
import type { Source } from '../live/source.js';
import { Failed } from '../parts/can-i.js';
import { useModel, useNarrow } from '../parts/hooks.js';
import { StreamBadge } from '../parts/notices.js';
import { RequestBar } from '../parts/request-bar.js';
import { LogFind } from './log-find.js';
import { LogLines, type LogPlace } from './log-lines.js';

/** The log of one container. */
export function ContainerLog({
  source,
  pod,
  container,
  isPrevious,
}: {
  readonly source: Source;
  readonly pod: ObjectName;
  readonly container: Container;
  /** Whether it is the log of the container that ran before the last restart. */
  readonly isPrevious: boolean;
}) {
  const query = {
    container: container.name,
    follow: container.isRunning && !isPrevious,
    previous: isPrevious,
  };
  const log = useModel(() => new PodLog(source, pod, query), [source]);
  const [hasTimes, setTimes] = useState(false);
  const [isWrapped, setWrapped] = useState(useNarrow());
  const [wanted, setWanted] = useState('');
  /** The number of the line that was found last. */
  const [sought, setSought] = useState(0);
  /** Where the reader was before the last look at older lines. */
  const [left, setLeft] = useState<LogPlace>();
  const goTo = useRef<(id: number | 'end') => void>(() => {});
  const { lines, dropped, error } = log;
  const search = useMemo(() => new LogSearch(wanted), [wanted]);
  const found = search.in(lines);
  const current = found.find(({ id }) => id >= sought) ?? found[0];
  const newest = lines.at(-1)?.id ?? 0;
  const hasMark = left !== undefined && left.id < newest && left.id >= newest - lines.length;
  const request = ApiRequest.log(source.prefix, source.index, pod, { ...query, tailLines: 500 });
  return (
    <>
      <RequestBar request={request} action={{ kind: 'log', ...pod, ...query, tailLines: 500 }} />
      <div class="status-line">
        <span>{lines.length === 0 ? 'No lines yet' : `${lines.length.toLocaleString('en')} lines`}</span>
        {error === undefined && <StreamBadge state={log.state} />}
        <span class="space" />
        <LogFind
          {...{ wanted, found, current }}
          onType={text => {
            setWanted(text);
            setSought(0);
          }}
          onNext={() => setSought((current?.id ?? 0) + 1)}
        />
        {hasMark && (
          <button type="button" class="small" onClick={() => goTo.current(left.id + 1)}>
            To the mark ({(newest - left.id).toLocaleString('en')} newer)
          </button>
        )}
        <button type="button" class="small" disabled={lines.length === 0} onClick={() => goTo.current('end')}>
          End
        </button>
        <button
          type="button"
          class="small"
          disabled={lines.length === 0}
          onClick={() => save(`${pod.name}-${container.name}.log`, lines, hasTimes)}
        >
          Download
        </button>
        <label class="check">
          <input type="checkbox" checked={isWrapped} onChange={() => setWrapped(!isWrapped)} /> Wrap
        </label>
        <label class="check">
          <input type="checkbox" checked={hasTimes} onChange={() => setTimes(!hasTimes)} /> Times
        </label>
      </div>
      {dropped > 0 && (
        <p class="muted fine" role="status">
          The oldest {dropped.toLocaleString('en')} lines were dropped: this page keeps 100,000 lines, or 32
          MiB.
        </p>
      )}
      {error !== undefined && (
        <Failed asked={{ verb: 'get', subresource: 'log', ...pod }} code={log.code} {...{ source, error }} />
      )}
      <LogLines
        label={`Log of ${container.name}`}
        longest={log.longest}
        onLeave={setLeft}
        {...{ lines, left, current, isWrapped, hasTimes, goTo }}
      />
    </>
  );
}

/** Saves what is shown as a file. */
function save(fileName: string, lines: readonly LogLine[], hasTimes: boolean): void {
  const text = lines.map(({ time, text, isRest }, at) => {
    const end = lines[at + 1]?.isRest === true ? '' : '\n';
    return `${hasTimes && time !== '' && !isRest ? `${time} ` : ''}${text}${end}`;
  });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(text, { type: 'text/plain' }));
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(link.href);
}
