import type { ApiResource } from '../api/discovery.js';
import type { ListScope } from '../api/requests.js';
import { readNamespaces } from '../live/namespaces.js';
import type { Source } from '../live/source.js';
import { Breadcrumb } from '../parts/breadcrumb.js';
import { useLoaded, useStore } from '../parts/hooks.js';
import { lazy } from '../parts/lazy.js';
import { linkToList } from '../parts/links.js';
import { Tabs } from '../parts/tabs.js';
import type { Loaded } from '../state.js';
import { ListToolbar } from './list-toolbar.js';
import { ObjectsView } from './objects-view.js';
import { WatchView } from './watch-view.js';

const AccessView = lazy(async () => (await import('./access-view.js')).AccessView);
const FieldsView = lazy(async () => (await import('./fields-view.js')).FieldsView);

/** A resource: its objects, their changes, its fields, and what the user may do with it. */
export function ListView({
  source,
  resource,
  namespace,
  query,
}: {
  readonly source: Source;
  readonly resource: ApiResource;
  readonly namespace: string;
  readonly query: URLSearchParams;
}) {
  const labelSelector = query.get('labelSelector') ?? '';
  const fieldSelector = query.get('fieldSelector') ?? '';
  const name = query.get('name') ?? '';
  const scope: ListScope = { resource, namespace, labelSelector, fieldSelector };
  const namespaces = useLoaded(
    async signal => (resource.namespaced ? readNamespaces(source, signal) : []),
    [source, resource.namespaced],
  );
  const hrefOf = (more: Readonly<Record<string, string>>) =>
    linkToList(resource, namespace, { labelSelector, fieldSelector, name, ...more });
  const { verbs, kind, namespaced, shortNames } = resource;
  const tabs = [
    ...(verbs.includes('list') ? [{ name: 'objects', title: 'Objects', href: hrefOf({}) }] : []),
    ...(verbs.includes('watch') ? [{ name: 'watch', title: 'Watch', href: hrefOf({ watch: 'true' }) }] : []),
    { name: 'fields', title: 'Fields', href: hrefOf({ view: 'fields' }) },
    { name: 'access', title: 'What I may do', href: hrefOf({ view: 'access' }) },
  ];
  const wanted = query.get('watch') === 'true' ? 'watch' : query.get('view');
  const view = (tabs.find(({ name }) => name === wanted) ?? tabs[0])?.name ?? 'fields';
  const isList = view === 'objects' || view === 'watch';
  return (
    <section class={isList ? 'page full' : 'page'}>
      <Breadcrumb resource={resource} namespace={namespace} />
      <div class="title">
        <h1>{resource.name}</h1>
        <p class="muted">
          {kind} · {namespaced ? 'namespaced' : 'cluster-scoped'}
          {shortNames.length > 0 && ` · short name ${shortNames.join(', ')}`}
        </p>
      </div>
      <Tabs label={`Views of ${resource.name}`} tabs={tabs} chosen={view} />
      {isList && (
        <ListToolbar
          namespaces={namespaces}
          scope={scope}
          rest={view === 'watch' ? { name, watch: 'true' } : { name }}
        />
      )}
      {isList && <NoNamespace {...{ resource, namespace, namespaces }} />}
      {view === 'objects' && (
        <ObjectsView {...{ source, scope, namespaces, name }} hrefOf={found => hrefOf({ name: found })} />
      )}
      {view === 'watch' && <WatchView {...{ source, scope, namespaces }} />}
      {view === 'fields' && <FieldsView source={source} resource={resource} />}
      {view === 'access' && <AccessView source={source} resource={resource} namespace={namespace} />}
    </section>
  );
}

/** Says that a namespace is not among those of the list: the address may be from another cluster. */
function NoNamespace({
  resource,
  namespace,
  namespaces,
}: {
  readonly resource: ApiResource;
  readonly namespace: string;
  readonly namespaces: Loaded<readonly string[]>;
}) {
  const cluster = useStore(state => state.cluster);
  if (namespace === '' || namespaces.kind !== 'ready' || namespaces.value.length === 0) return null;
  if (namespaces.value.includes(namespace)) return null;
  return (
    <p class="rules" role="status">
      {cluster?.name || 'The API server'} lists no namespace {namespace} for you.{' '}
      <a href={linkToList(resource)}>All namespaces</a>
    </p>
  );
}
