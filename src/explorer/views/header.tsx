import { useStore } from '../parts/hooks.js';
import { linkTo } from '../parts/links.js';
import { store } from '../store.js';

/** Where one is, as whom, and the way out. */
export function Header() {
  const clusters = useStore(state => state.clusters);
  const cluster = useStore(state => state.cluster);
  useStore(state => state.place);
  return (
    <header>
      <a class="brand" href={linkTo('/')}>
        <img src={iconUrl} alt="" width="22" height="22" />
        <span>
          Kubernetes API <span class="muted wide">kube-api-proxy</span>
        </span>
      </a>
      {cluster !== undefined && (
        <label class="cluster">
          <span class="muted wide">Cluster</span>
          <select
            aria-label="Cluster"
            value={cluster.fragment}
            disabled={clusters.length < 2}
            onChange={({ currentTarget }) => {
              location.hash = `${currentTarget.value}/`;
            }}
          >
            {clusters.map(({ fragment, name, state, current }) => (
              <option key={fragment} value={fragment}>
                {name || 'the API server'}
                {current && clusters.length > 1 ? ' (current)' : ''}
                {state === 'ready' ? '' : ` · ${state}`}
              </option>
            ))}
          </select>
        </label>
      )}
      <span class="space" />
      <WhoAmI />
    </header>
  );
}

/** The same file as the icon of the page, whatever hash it has in its name. */
const iconUrl = document.querySelector<HTMLLinkElement>('link[rel=icon]')?.href ?? '';

function WhoAmI() {
  const user = useStore(state => state.user);
  const session = useStore(state => state.session);
  if (session.kind !== 'open') return null;
  const hasToken = store.client.token !== undefined;
  return (
    <details class="who">
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
            <h2>The API server takes you for</h2>
            <p class="name">{user.value.username}</p>
            <h2>in the groups</h2>
            <ul>
              {(user.value.groups ?? []).map(group => (
                <li key={group}>{group}</li>
              ))}
            </ul>
          </>
        )}
        {hasToken ? (
          <button type="button" onClick={() => store.signOut()}>
            Sign out
          </button>
        ) : (
          <p class="muted">
            This page has no token: the proxy knows you otherwise, or everyone is its own user.
          </p>
        )}
      </div>
    </details>
  );
}
