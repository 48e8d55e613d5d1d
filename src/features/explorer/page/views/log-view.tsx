import { containersOf } from '../api/containers.js';
import type { ApiResource } from '../api/discovery.js';
import type { ApiObject } from '../api/objects.js';
import { ApiRequest } from '../api/requests.js';
import type { Source } from '../live/source.js';
import { Breadcrumb } from '../parts/breadcrumb.js';
import { Failed } from '../parts/can-i.js';
import { useLoaded } from '../parts/hooks.js';
import { linkToObject } from '../parts/links.js';
import { Skeleton } from '../parts/notices.js';
import { ObjectTabs } from '../parts/object-tabs.js';
import { ContainerLog } from './container-log.js';

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
      {containers.kind === 'failed' && (
        <Failed
          asked={{ verb: 'get', ...pod }}
          error={containers.problem}
          code={containers.code}
          source={source}
        />
      )}
      {containers.kind === 'ready' && container !== undefined && (
        <ContainerLog key={`${container.name} ${isPrevious}`} {...{ source, pod, container, isPrevious }} />
      )}
    </section>
  );
}
