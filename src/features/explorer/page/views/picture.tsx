/** The way of a request from the browser to the API server. */
export function Picture({ server }: { readonly server: string }) {
  return (
    <figure
      class="way"
      aria-label="A browser or app sends a request to the proxy, which adds its credentials and sends it to the API server"
    >
      <div class="stop">
        <strong>Browser or app</strong>
        <span>plain HTTP, no credentials</span>
      </div>
      <div class="step" aria-hidden="true" />
      <div class="stop ours">
        <strong>kube-api-proxy</strong>
        <span>adds the kubeconfig’s credentials</span>
      </div>
      <div class="step" aria-hidden="true" />
      <div class="stop">
        <strong>API server</strong>
        <span>{server || 'decides, and answers'}</span>
      </div>
    </figure>
  );
}
