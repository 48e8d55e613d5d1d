import type { Cluster } from '../api/clusters.js';
import { fragmentIn } from '../api/fragment.js';
import { ApiRequest } from '../api/requests.js';
import type { Source } from '../live/source.js';
import { useSource, useStore } from '../parts/hooks.js';
import { linkTo } from '../parts/links.js';
import { RequestBar } from '../parts/request-bar.js';
import { store } from '../store.js';

/** The current cluster, the current user, and the button to sign out. */
export function Header() {
  const clusters = useStore(state => state.clusters);
  const cluster = useStore(state => state.cluster);
  const hasAll = useStore(state => state.hasAllClusters);
  useStore(state => state.address);
  return (
    <header>
      <a class="brand" href={linkTo('/')}>
        <img src={iconUrl} alt="" width="22" height="22" />
        <span>
          Kubernetes API <span class="muted wide">kube-api-proxy</span>
        </span>
      </a>
      {cluster !== undefined && clusters.length < 2 && <span class="muted wide">{cluster.name}</span>}
      {cluster !== undefined && clusters.length > 1 && <ClusterPicker chosen={cluster} clusters={clusters} />}
      {!hasAll && <span class="muted wide">Other clusters do not answer</span>}
      <span class="space" />
      <WhoAmI />
    </header>
  );
}

function ClusterPicker({
  chosen,
  clusters,
}: {
  readonly chosen: Cluster;
  readonly clusters: readonly Cluster[];
}) {
  return (
    <label class="cluster">
      <span class="muted wide">Cluster</span>
      <select
        aria-label="Cluster"
        value={chosen.fragment}
        onChange={({ currentTarget }) => {
          location.hash = fragmentIn(currentTarget.value, store.state.address);
        }}
      >
        {clusters.map(({ fragment, name, state, access, current }) => (
          <option key={fragment} value={fragment}>
            {name || 'the API server'}
            {current ? ' (current)' : ''} · {access ?? state}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The icon of the page, whose file name contains a hash. */
const iconUrl = document.querySelector<HTMLLinkElement>('link[rel=icon]')?.href ?? '';

function WhoAmI() {
  const user = useStore(state => state.user);
  const session = useStore(state => state.session);
  const source = useSource();
  if (session.kind !== 'open') return null;
  const whoAmI = source && reviewOf(source);
  return (
    <details
      class="who"
      onKeyDown={({ key, currentTarget }) => {
        if (key === 'Escape') currentTarget.open = false;
      }}
      onFocusOut={({ relatedTarget, currentTarget }) => {
        if (!currentTarget.contains(relatedTarget as Node | null)) currentTarget.open = false;
      }}
    >
      <summary>
        {user.kind === 'ready'
          ? (user.value.username ?? 'nobody')
          : user.kind === 'loading'
            ? '…'
            : 'who am I?'}
      </summary>
      <div>
        {user.kind === 'failed' && <p>The API server does not say who you are: {user.problem}</p>}
        {user.kind === 'ready' && (
          <>
            <h2>The API server knows you as</h2>
            <p class="name">{user.value.username}</p>
            <h2>in these groups</h2>
            <ul class="groups">
              {(user.value.groups ?? []).map(group => (
                <li key={group}>{group}</li>
              ))}
            </ul>
          </>
        )}
        {whoAmI !== undefined && (
          <RequestBar request={whoAmI} action={{ kind: 'command', words: ['auth', 'whoami'] }} />
        )}
        {store.client.hasToken ? (
          <button type="button" onClick={() => void store.signOut()}>
            Sign out
          </button>
        ) : (
          <p class="muted">
            This page has no token. The proxy identifies you in another way, or sends all requests as its own
            user.
          </p>
        )}
      </div>
    </details>
  );
}

/** Undefined if the API server does not have this review. */
function reviewOf({ prefix, index }: Source): ApiRequest | undefined {
  if (index.preferred('authentication.k8s.io', 'selfsubjectreviews') === undefined) return undefined;
  return ApiRequest.review(prefix, index, 'SelfSubjectReview');
}
