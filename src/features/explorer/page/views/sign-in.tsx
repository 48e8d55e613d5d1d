import { useEffect, useRef } from 'preact/hooks';
import { useLoaded } from '../parts/hooks.js';
import { nameOf, type SignInOffer } from '../sign-in/offer.js';
import { store } from '../store.js';

const nothing: SignInOffer = { issuers: [] };

/** Asks the user to sign in: at an issuer of OpenID Connect, if the proxy offers one, or by a token. */
export function SignIn({
  problem,
  cluster,
}: {
  readonly problem: string;
  /** The cluster that requires the token; undefined for the proxy itself. */
  readonly cluster?: string | undefined;
}) {
  const offer = useLoaded(
    async () => (cluster === undefined ? store.issuerSignIn.offer() : nothing),
    [cluster],
  );
  const hasIssuers = offer.kind === 'ready' && offer.value.issuers.length > 0;
  const form = useRef<HTMLFormElement>(null);
  const isComplete = offer.kind !== 'loading';
  useEffect(() => form.current?.querySelector<HTMLElement>('button.issuer, input')?.focus(), [isComplete]);
  const submit = (event: Event) => {
    event.preventDefault();
    const token = form.current?.querySelector('input')?.value.trim() ?? '';
    if (token !== '') store.signIn(token);
  };
  return (
    <form ref={form} onSubmit={submit}>
      <h1>Kubernetes API</h1>
      <p>
        {cluster === undefined
          ? 'This proxy requires a valid credential.'
          : `The cluster ${cluster} does not accept your credential.`}
      </p>
      {isComplete && <Issuers offer={offer.kind === 'ready' ? offer.value : nothing} />}
      {isComplete && (
        <label>
          Bearer token
          <input
            type="password"
            autocomplete="off"
            spellcheck={false}
            aria-invalid={problem !== ''}
            aria-describedby="token-help"
          />
        </label>
      )}
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {isComplete && (
        <button type="submit" class={hasIssuers ? '' : 'primary'}>
          Sign in
        </button>
      )}
      <p id="token-help" class="muted">
        The token stays in this window. It is sent only in the Authorization header. For a service account:{' '}
        <code>kubectl create token NAME</code>. If you use a client certificate, you need no token.
      </p>
    </form>
  );
}

/** A button for each issuer, or why there can be none here. */
function Issuers({ offer: { page, issuers } }: { readonly offer: SignInOffer }) {
  if (issuers.length === 0) return null;
  if (page !== undefined && page !== store.issuerSignIn.page) {
    return (
      <p>
        To sign in without a token, open <a href={page + location.hash}>{page}</a>.
      </p>
    );
  }
  // Browsers have it for https and for this machine only; without it, there is no PKCE.
  if (globalThis.crypto.subtle === undefined) {
    return <p>To sign in without a token, open this page over https.</p>;
  }
  return issuers.map((entry, at) => (
    <button
      key={entry.issuer}
      type="button"
      class={at === 0 ? 'primary issuer' : 'issuer'}
      onClick={() => void store.signInAt(entry.issuer)}
    >
      Sign in with {nameOf(entry)}
    </button>
  ));
}
