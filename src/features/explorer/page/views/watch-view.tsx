import { ApiRequest, type ListScope } from '../api/requests.js';
import { type RawEvent, RawWatch } from '../live/raw-watch.js';
import type { Source } from '../live/source.js';
import { useModel } from '../parts/hooks.js';
import { StreamBadge } from '../parts/notices.js';
import { RequestBar } from '../parts/request-bar.js';
import { ScrollBox } from '../parts/scroll-box.js';
import type { Loaded } from '../state.js';
import { ListProblem } from './list-problem.js';

/** The stream of a watch as the API server sends it: one event for each change. */
export function WatchView(props: WatchViewProps) {
  const { namespace, labelSelector, fieldSelector } = props.scope;
  return <Watched key={`${namespace} ${labelSelector} ${fieldSelector}`} {...props} />;
}

interface WatchViewProps {
  readonly source: Source;
  readonly scope: ListScope;
  /** The namespaces that the user may list. */
  readonly namespaces: Loaded<readonly string[]>;
}

function Watched({ source, scope, namespaces }: WatchViewProps) {
  const watch = useModel(() => new RawWatch(source, scope), [source]);
  const request = ApiRequest.watch(source.prefix, source.index, scope, '', 'object');
  return (
    <>
      <RequestBar request={request} action={{ kind: 'watch', ...scope }} />
      <div class="status-line">
        <span role="status">
          {watch.events.length === 0
            ? 'No events yet'
            : `The last ${watch.events.length} events, newest first`}
        </span>
        {watch.error === undefined && <StreamBadge state={watch.state} />}
      </div>
      <ListProblem failed={watch} verb="watch" {...{ source, scope, namespaces }} rest={{ watch: 'true' }} />
      <ol class="events">
        {watch.events.map(event => (
          <Event key={event.id} event={event} />
        ))}
      </ol>
    </>
  );
}

function Event({ event: { type, at, object } }: { readonly event: RawEvent }) {
  const { name, namespace, resourceVersion } = object.metadata ?? {};
  return (
    <li>
      <details>
        <summary>
          <time dateTime={new Date(at).toISOString()}>{new Date(at).toLocaleTimeString()}</time>
          <span class={`event ${type.toLowerCase()}`}>{type}</span>
          <span class="name">{[namespace, name].filter(Boolean).join('/')}</span>
          <span class="muted">version {resourceVersion}</span>
        </summary>
        <ScrollBox kind="json" label="Event">
          <pre>{JSON.stringify({ type, object }, undefined, 2)}</pre>
        </ScrollBox>
      </details>
    </li>
  );
}
