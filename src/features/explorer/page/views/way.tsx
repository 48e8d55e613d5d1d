import { useStore } from '../parts/hooks.js';
import { store } from '../store.js';

/** The way of a request from the browser to the API server: who the caller is here, whether TLS protects it, and as whom it goes on. */
export function Way() {
  const cluster = useStore(state => state.cluster);
  const caller = useStore(state => state.caller);
  const user = useStore(state => state.user);
  const hasToken = cluster !== undefined && store.client.tokenFor(cluster.prefix) !== undefined;
  const who = caller !== undefined ? `you are ${caller}` : hasToken ? 'your token' : 'no credentials';
  const adds =
    caller !== undefined
      ? 'checks who you are, and acts in your name'
      : hasToken
        ? 'sends your token on'
        : 'adds the kubeconfig’s credentials';
  const name = user.kind === 'ready' ? user.value.username : undefined;
  return (
    <figure class="way" aria-label="The way of a request">
      <div class="stop">
        <strong>Browser or app</strong>
        <span>
          {location.protocol === 'https:' ? 'TLS' : 'plain HTTP'}, {who}
        </span>
      </div>
      <div class="step" aria-hidden="true" />
      <div class="stop ours">
        <strong>kube-api-proxy</strong>
        <span>{adds}</span>
      </div>
      <div class="step" aria-hidden="true" />
      <div class="stop">
        <strong>API server</strong>
        <span>{cluster?.server || 'decides, and answers'}</span>
        {name !== undefined && <span>requests go as {name}</span>}
      </div>
    </figure>
  );
}
