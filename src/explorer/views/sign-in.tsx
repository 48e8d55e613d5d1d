import { useEffect, useRef } from 'preact/hooks';
import { store } from '../store.js';

/** Asks for a token. The token is kept in the memory of the page only. */
export function SignIn({
  problem,
  cluster,
}: {
  readonly problem: string;
  /** The cluster that requires the token; undefined for the proxy itself. */
  readonly cluster?: string | undefined;
}) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const submit = (event: Event) => {
    event.preventDefault();
    const token = input.current?.value.trim() ?? '';
    if (token !== '') store.signIn(token);
  };
  return (
    <form onSubmit={submit}>
      <h1>Kubernetes API</h1>
      <p>
        {cluster === undefined
          ? 'This proxy requires a valid credential.'
          : `The cluster ${cluster} does not accept your credential.`}
      </p>
      <label>
        Bearer token
        <input
          ref={input}
          type="password"
          autocomplete="off"
          spellcheck={false}
          aria-invalid={problem !== ''}
          aria-describedby="token-help"
        />
      </label>
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <button type="submit" class="primary">
        Sign in
      </button>
      <p id="token-help" class="muted">
        The token stays in this window. It is sent only in the Authorization header. For a service account:{' '}
        <code>kubectl create token NAME</code>. If you use a client certificate, you need no token.
      </p>
    </form>
  );
}
