import { type ApiIndex, groupVersion } from '../api/discovery.js';
import type { View } from '../api/fragment.js';
import { nonResourcePaths } from '../api/requests.js';
import { useSource, useStore } from '../parts/hooks.js';
import { lazy } from '../parts/lazy.js';
import { linkTo, linkToList } from '../parts/links.js';
import { GroupView } from './group-view.js';
import { Home } from './home.js';
import { ListView } from './list-view.js';
import { ObjectView } from './object-view.js';
import { PathView } from './path-view.js';

const LogView = lazy(async () => (await import('./log-view.js')).LogView);

/** The view that the fragment names, if the API server has it. */
export function Content({ index }: { readonly index: ApiIndex }) {
  const source = useSource();
  const { view, query } = useStore(state => state.address);
  if (source === undefined) return null;
  switch (view.kind) {
    case 'home':
      return <Home source={source} />;
    case 'group': {
      const group = index.group(view.group);
      return group === undefined ? (
        <NotFound />
      ) : (
        <GroupView prefix={source.prefix} group={group} version={view.version} />
      );
    }
    case 'path':
      return nonResourcePaths.includes(view.path) ? (
        <PathView key={view.path} source={source} path={view.path} />
      ) : (
        <NotFound />
      );
    case 'list': {
      const resource = resourceOf(index, view);
      if (resource === undefined) return <NoResource index={index} view={view} />;
      const { namespace } = view;
      return (
        <ListView
          key={`${source.prefix} ${resource.group}/${resource.name}`}
          {...{ source, resource, namespace, query }}
        />
      );
    }
    case 'object':
    case 'log': {
      const resource = resourceOf(index, view);
      const { namespace, name } = view;
      if (resource === undefined) return <NoResource index={index} view={view} />;
      if (resource.namespaced !== (namespace !== '')) return <NotFound />;
      const Chosen = view.kind === 'object' ? ObjectView : LogView;
      return (
        <Chosen
          key={`${source.prefix} ${namespace}/${name}`}
          {...{ source, resource, namespace, name, query }}
        />
      );
    }
    default:
      return <NotFound />;
  }
}

type ResourceView = View & { readonly kind: 'list' | 'object' | 'log' };

function resourceOf(index: ApiIndex, view: ResourceView) {
  const { group, version, resource, namespace } = view;
  const found = index.resource(group, version, resource);
  return found?.namespaced === false && namespace !== '' ? undefined : found;
}

/** The address may be from another cluster, or from an older version of this one. */
function NoResource({ index, view: { group, version, resource, namespace } }: ViewProps) {
  const cluster = useStore(state => state.cluster);
  const other = index.preferred(group, resource);
  return (
    <section class="page">
      <h1>
        {cluster?.name || 'The API server'} has no {resource}
      </h1>
      <p>
        It lists no resource {resource} in <code>{groupVersion({ group, version })}</code>
        {namespace !== '' && ` with namespaces such as ${namespace}`}.
      </p>
      {other !== undefined && (
        <p>
          There is <a href={linkToList(other, namespace)}>{`${other.name} in ${groupVersion(other)}`}</a>.
        </p>
      )}
      <p>
        <a href={linkTo('/')}>All groups and resources</a>
      </p>
    </section>
  );
}

interface ViewProps {
  readonly index: ApiIndex;
  readonly view: ResourceView;
}

function NotFound() {
  return (
    <section class="page">
      <h1>Not in this API</h1>
      <p>
        The API server does not list what this address names, or the address has a character that nobody sees.
        This page requests only what is listed, so there is nothing to show.
      </p>
      <p>
        <a href={linkTo('/')}>All groups and resources</a>
      </p>
    </section>
  );
}
