import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ApiResource } from '../api/discovery.js';
import { type ApiObject, isRecord } from '../api/objects.js';
import { ApiRequest } from '../api/requests.js';
import { type LogLine, PodLog } from '../live/pod-log.js';
import type { Source } from '../live/source.js';
import { Breadcrumb } from '../parts/breadcrumb.js';
import { useLoaded, useModel } from '../parts/hooks.js';
import { linkToObject } from '../parts/links.js';
import { Problem, Skeleton, StreamBadge } from '../parts/notices.js';
import { ObjectTabs } from '../parts/object-tabs.js';
import { RequestBar } from '../parts/request-bar.js';
import { ScrollBox } from '../parts/scroll-box.js';

export interface LogViewProps {
  readonly source: Source;
  readonly resource: ApiResource;
  readonly namespace: string;
  readonly name: string;
  readonly query: URLSearchParams;
}

/** The log of a Pod's container, followed. */
export function LogView({ source, resource, namespace, name, query }: LogViewProps) {
  const pod = { resource, namespace, name };
  const containers = useLoaded(
    async signal => {
      const request = ApiRequest.object(source.prefix, source.index, pod);
      return containersOf(await source.client.json<ApiObject>(request, signal));
    },
    [source],
  );
  const known = containers.kind === 'ready' ? containers.value : [];
  const wanted = query.get('container');
  const container = known.find(({ name: own }) => own === wanted) ?? known[0];
  const path = linkToObject(resource, namespace, name) ?? '';
  const isPrevious = query.get('previous') === 'true';
  const hrefOf = (chosen: string, previous: boolean) =>
    `${path}/log?container=${encodeURIComponent(chosen)}${previous ? '&previous=true' : ''}`;
  return (
    <section class="page full">
      <Breadcrumb resource={resource} namespace={namespace} />
      <div class="title">
        <h1>{name}</h1>
        <p class="muted">Pod in {namespace}</p>
      </div>
      <ObjectTabs object={pod} chosen="log" />
      {known.length > 1 && (
        <label class="container">
          Container{' '}
          <select
            value={container?.name}
            onChange={({ currentTarget }) => {
              location.hash = hrefOf(currentTarget.value, isPrevious);
            }}
          >
            {known.map(({ name: own }) => (
              <option key={own}>{own}</option>
            ))}
          </select>
        </label>
      )}
      {container !== undefined && (container.hasPrevious || isPrevious) && (
        <label class="check container">
          <input
            type="checkbox"
            checked={isPrevious}
            onChange={() => {
              location.hash = hrefOf(container.name, !isPrevious);
            }}
          />{' '}
          Before its last restart
        </label>
      )}
      {containers.kind === 'loading' && <Skeleton />}
      {containers.kind === 'failed' && <Problem>{containers.problem}</Problem>}
      {containers.kind === 'ready' && container !== undefined && (
        <Log key={`${container.name} ${isPrevious}`} {...{ source, pod, container, isPrevious }} />
      )}
    </section>
  );
}

function Log({
  source,
  pod,
  container,
  isPrevious,
}: {
  readonly source: Source;
  readonly pod: Omit<LogViewProps, 'source' | 'query'>;
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
  const [isWrapped, setWrapped] = useState(false);
  const [wanted, setWanted] = useState('');
  const [at, setAt] = useState(0);
  const box = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  const { lines } = log;
  const found = useMemo(() => linesWith(lines, wanted), [lines, wanted]);
  const current = found[at % Math.max(1, found.length)];
  useEffect(() => {
    if (current === undefined) return;
    isAtEnd.current = false;
    box.current?.querySelector(`[data-line="${current.id}"]`)?.scrollIntoView({ block: 'center' });
  }, [current?.id]);
  useLayoutEffect(() => {
    if (isAtEnd.current) box.current?.scrollTo(0, box.current.scrollHeight);
  });
  const request = ApiRequest.log(source.prefix, source.index, pod, { ...query, tailLines: 500 });
  return (
    <>
      <RequestBar request={request} action={{ kind: 'log', ...pod, ...query, tailLines: 500 }} />
      <div class="status-line">
        <span>{lines.length === 0 ? 'No lines yet' : `${lines.length} lines`}</span>
        {log.error === undefined && <StreamBadge state={log.state} />}
        <span class="space" />
        <form
          class="find"
          onSubmit={event => {
            event.preventDefault();
            setAt(at + 1);
          }}
        >
          <input
            type="search"
            placeholder="Find"
            aria-label="Find in the log"
            spellcheck={false}
            value={wanted}
            onInput={({ currentTarget }) => {
              setWanted(currentTarget.value);
              setAt(0);
            }}
          />
          {wanted !== '' && (
            <>
              <span role="status">
                {found.length === 0
                  ? 'not found'
                  : `${(at % found.length) + 1} of ${found.length.toLocaleString('en')}`}
              </span>
              <button type="submit" class="small" disabled={found.length < 2}>
                Next
              </button>
            </>
          )}
        </form>
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
      {log.error !== undefined && <Problem>{log.error}</Problem>}
      <ScrollBox
        kind={isWrapped ? 'log wrapped' : 'log'}
        box={box}
        label={`Log of ${container.name}`}
        onScroll={({ scrollTop, scrollHeight, clientHeight }) => {
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < 40;
        }}
      >
        <pre>
          {lines.map(({ id, time, text }) => (
            <span key={id} data-line={id} class={id === current?.id ? 'line found' : 'line'}>
              {hasTimes && (
                <time class="muted">{time === '' ? '' : `${new Date(time).toLocaleTimeString()} `}</time>
              )}
              {text}
            </span>
          ))}
        </pre>
      </ScrollBox>
    </>
  );
}

/** The lines that contain a text, in any case; none for an empty text. */
function linesWith(lines: readonly LogLine[], wanted: string): readonly LogLine[] {
  const text = wanted.toLowerCase();
  return text === '' ? [] : lines.filter(line => line.text.toLowerCase().includes(text));
}

/** Saves what is shown as a file. */
function save(fileName: string, lines: readonly LogLine[], hasTimes: boolean): void {
  const text = lines.map(line => `${hasTimes && line.time !== '' ? `${line.time} ` : ''}${line.text}\n`);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(text, { type: 'text/plain' }));
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** One container, and whether it is still running. */
interface Container {
  readonly name: string;
  /** Whether it has run before. */
  readonly hasPrevious: boolean;
  readonly isRunning: boolean;
}

/** The containers of the Pod, then its init containers. */
function containersOf({ spec, status }: ApiObject): readonly Container[] {
  const statuses = [...listOf(status, 'containerStatuses'), ...listOf(status, 'initContainerStatuses')];
  return [...listOf(spec, 'containers'), ...listOf(spec, 'initContainers')].map(({ name }) => {
    const status = statuses.find(found => found['name'] === name);
    const state = status?.['state'];
    const hasPrevious = Number(status?.['restartCount']) > 0;
    return {
      name: String(name),
      hasPrevious,
      isRunning: !(isRecord(state) && isRecord(state['terminated'])),
    };
  });
}

function listOf(value: unknown, field: string): readonly Readonly<Record<string, unknown>>[] {
  const list = isRecord(value) ? value[field] : undefined;
  return Array.isArray(list) ? list.filter(isRecord) : [];
}
