import type { ApiResource } from '../api/discovery.js';
import { isRecord } from '../api/objects.js';
import { ApiRequest } from '../api/requests.js';
import { LiveObject } from '../live/live-object.js';
import type { Source } from '../live/source.js';
import { Breadcrumb } from '../parts/breadcrumb.js';
import { Failed } from '../parts/can-i.js';
import { useModel } from '../parts/hooks.js';
import { Problem, Skeleton, StreamBadge } from '../parts/notices.js';
import { ObjectTabs } from '../parts/object-tabs.js';
import { RequestBar } from '../parts/request-bar.js';
import { Conditions } from './conditions.js';
import { LastChange } from './last-change.js';
import { ObjectEvents } from './object-events.js';
import { ObjectRow } from './object-row.js';
import { Relatives } from './relatives.js';
import { YamlView } from './yaml-view.js';

/** One object, live. */
export function ObjectView({
  source,
  resource,
  namespace,
  name,
}: {
  readonly source: Source;
  readonly resource: ApiResource;
  readonly namespace: string;
  readonly name: string;
}) {
  const objectName = { resource, namespace, name };
  const live = useModel(() => new LiveObject(source, objectName), [source]);
  const { object, error, state, isGone } = live;
  const request = ApiRequest.object(source.prefix, source.index, objectName);
  const status = object?.['status'];
  const conditions = isRecord(status) && Array.isArray(status['conditions']) ? status['conditions'] : [];
  return (
    <section class="page">
      <Breadcrumb resource={resource} namespace={namespace} />
      <div class="title">
        <h1>{name}</h1>
        <p class="muted">
          {resource.kind} {namespace !== '' && `in ${namespace}`}
        </p>
        {error === undefined && !isGone && <StreamBadge state={state} />}
      </div>
      <ObjectTabs object={objectName} chosen="object" />
      <RequestBar request={request} action={{ kind: 'object', ...objectName }} />
      {isGone && <Problem>It has been deleted. This is its last state.</Problem>}
      {error !== undefined && (
        <Failed asked={{ verb: 'get', ...objectName }} code={live.code} {...{ source, error }} />
      )}
      {object === undefined && error === undefined && <Skeleton lines={14} />}
      {object !== undefined && (
        <>
          <ObjectRow source={source} object={objectName} version={object.metadata?.resourceVersion ?? ''} />
          <Relatives source={source} object={object} />
          <LastChange live={live} />
          <Conditions conditions={conditions} />
          <ObjectEvents source={source} object={object} />
          <h2>Object</h2>
          <YamlView object={object} changes={live.changes} changedAt={live.changedAt} />
        </>
      )}
    </section>
  );
}
