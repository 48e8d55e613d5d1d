import { ApiRequest } from '../api/requests.js';
import type { Source } from '../live/source.js';
import { useStore } from '../parts/hooks.js';
import { KubeconfigLink } from '../parts/kubeconfig-link.js';
import { linkTo } from '../parts/links.js';
import { RequestBar } from '../parts/request-bar.js';
import { store } from '../store.js';
import { ServerPaths } from './server-paths.js';
import { Way } from './way.js';

/** A short text about the API, and the paths that are not resources. */
export function Home({ source }: { readonly source: Source }) {
  const { prefix, index } = source;
  const cluster = useStore(state => state.cluster);
  const caller = useStore(state => state.caller);
  const hasToken = store.client.tokenFor(prefix) !== undefined;
  const resources = index.groups.flatMap(({ versions }) => versions[0]?.resources ?? []);
  return (
    <section class="page home">
      <h1>The Kubernetes API{cluster?.name ? ` of ${cluster.name}` : ''}</h1>
      <p class="lead">
        {cluster?.version && <>Kubernetes {cluster.version} · </>}
        {index.groups.length} groups, {resources.length} resources, live.
      </p>
      <div class="words">
        <p>
          Everything in a cluster is an object of a <strong>resource</strong>: Pods, Deployments, Services.
          Resources are sorted into <strong>groups</strong>: the core group is at{' '}
          <a href={linkTo('/api/v1')}>/api/v1</a>, all others have a name, such as{' '}
          <a href={linkTo('/apis/apps/v1')}>/apis/apps/v1</a>. A group has one or more versions.
        </p>
        <p>
          Each operation on a resource is a <strong>verb</strong>. Reading: <code>get</code> one object,{' '}
          <code>list</code> all objects, <code>watch</code> for changes. Writing: <code>create</code>,{' '}
          <code>update</code>, <code>patch</code>, <code>delete</code>. This page only reads; it never writes.
        </p>
      </div>
      <Way />
      <p class="muted">
        The proxy sends each request to the API server {howOf(caller, hasToken)}. It is not kube-proxy, which
        runs on every node and routes the traffic of Services.
      </p>
      <p class="clients">
        For kubectl and other clients there is <KubeconfigLink />:{' '}
        <code>kubectl --kubeconfig kubeconfig.yaml get pods</code>.
      </p>
      <RequestBar
        request={ApiRequest.discovery(prefix, '/apis')}
        action={{ kind: 'command', words: ['api-resources', '-o', 'wide'] }}
      />
      <ServerPaths source={source} />
    </section>
  );
}

function howOf(caller: string | undefined, hasToken: boolean): string {
  if (caller !== undefined) return 'with its own credential, in your name';
  return hasToken ? 'with your token' : 'with the credentials of its kubeconfig, whoever sends it';
}
