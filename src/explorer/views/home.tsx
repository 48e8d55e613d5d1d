import { ApiRequest } from '../api/requests.js';
import type { Source } from '../live/source.js';
import { useStore } from '../parts/hooks.js';
import { linkTo } from '../parts/links.js';
import { RequestBar } from '../parts/request-bar.js';
import { Picture } from './picture.js';
import { ServerPaths } from './server-paths.js';

/** What the API is, in a few words, and what is beside its resources. */
export function Home({ source }: { readonly source: Source }) {
  const { prefix, index } = source;
  const cluster = useStore(state => state.cluster);
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
          What one may do with a resource is a <strong>verb</strong>. Reading: <code>get</code> one object,{' '}
          <code>list</code> them, <code>watch</code> what changes. Writing: <code>create</code>,{' '}
          <code>update</code>, <code>patch</code>, <code>delete</code>. This page reads, and never writes.
        </p>
      </div>
      <Picture server={cluster?.server ?? ''} />
      <p class="muted">
        The proxy sends each request on with the credentials of its kubeconfig, or in your name where it asks
        who you are. It is not kube-proxy, which runs on every node and routes the traffic of Services.
      </p>
      <RequestBar
        request={ApiRequest.discovery(prefix, '/apis')}
        action={{ kind: 'command', words: ['api-resources', '-o', 'wide'] }}
      />
      <ServerPaths source={source} />
    </section>
  );
}
