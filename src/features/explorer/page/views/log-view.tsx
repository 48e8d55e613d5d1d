import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ApiResource } from '../api/discovery.js';
import { type ApiObject, isRecord } from '../api/objects.js';
import { ApiRequest } from '../api/requests.js';
import { PodLog } from '../live/pod-log.js';
import type { Source } from '../live/source.js';
import { Breadcrumb } from '../parts/breadcrumb.js';
import { useLoaded, useModel } from '../parts/hooks.js';
import { linkToObject } from '../parts/links.js';
import { Problem, Skeleton, StreamBadge } from '../parts/notices.js';
import { ObjectTabs } from '../parts/object-tabs.js';
import { RequestBar } from '../parts/request-bar.js';
import { ScrollBox } from '../parts/scroll-box.js';

interface LogViewProps {
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
              location.hash = `${path}/log?container=${encodeURIComponent(currentTarget.value)}`;
            }}
          >
            {known.map(({ name: own }) => (
              <option key={own}>{own}</option>
            ))}
          </select>
        </label>
      )}
      {containers.kind === 'loading' && <Skeleton />}
      {containers.kind === 'failed' && <Problem>{containers.problem}</Problem>}
      {containers.kind === 'ready' && container !== undefined && (
        <Log key={container.name} source={source} pod={pod} container={container} />
      )}
    </section>
  );
}

function Log({
  source,
  pod,
  container,
}: {
  readonly source: Source;
  readonly pod: Omit<LogViewProps, 'source' | 'query'>;
  readonly container: Container;
}) {
  const query = { container: container.name, follow: container.isRunning };
  const log = useModel(() => new PodLog(source, pod, query), [source]);
  const [hasTimes, setTimes] = useState(false);
  const box = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  const { lines } = log;
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
        <label class="check">
          <input type="checkbox" checked={hasTimes} onChange={() => setTimes(!hasTimes)} /> Times
        </label>
      </div>
      {log.error !== undefined && <Problem>{log.error}</Problem>}
      <ScrollBox
        kind="log"
        box={box}
        label={`Log of ${container.name}`}
        onScroll={({ scrollTop, scrollHeight, clientHeight }) => {
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < 40;
        }}
      >
        <pre>
          {lines.map(({ id, time, text }) => (
            <span key={id} class="line">
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

/** One container, and whether it is still running. */
interface Container {
  readonly name: string;
  readonly isRunning: boolean;
}

/** The containers of the Pod, then its init containers. */
function containersOf({ spec, status }: ApiObject): readonly Container[] {
  const statuses = [...listOf(status, 'containerStatuses'), ...listOf(status, 'initContainerStatuses')];
  return [...listOf(spec, 'containers'), ...listOf(spec, 'initContainers')].map(({ name }) => {
    const state = statuses.find(found => found['name'] === name)?.['state'];
    return { name: String(name), isRunning: !(isRecord(state) && isRecord(state['terminated'])) };
  });
}

function listOf(value: unknown, field: string): readonly Readonly<Record<string, unknown>>[] {
  const list = isRecord(value) ? value[field] : undefined;
  return Array.isArray(list) ? list.filter(isRecord) : [];
}
