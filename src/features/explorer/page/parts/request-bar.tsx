import type { ComponentChildren } from 'preact';
import type { ApiRequest } from '../api/requests.js';
import { store } from '../store.js';
import { type Action, commandsFor, withoutLimit } from '../text/commands.js';
import { CopyButton } from './copy-button.js';
import { ScrollBox } from './scroll-box.js';

/** The request behind a view: its method and path, and the same request as commands and code. */
export function RequestBar({
  request,
  action,
  title,
  children,
}: {
  readonly request: ApiRequest;
  readonly action: Action;
  /** What it is, if it is not the request for the view itself. */
  readonly title?: string;
  /** What there is to know about it. */
  readonly children?: ComponentChildren;
}) {
  const { client } = store;
  const hasToken = client.tokenFor(request.prefix) !== undefined;
  const { base, hasOwnAuthority } = client;
  const commands = commandsFor(request, action, { base, hasToken, hasOwnAuthority });
  return (
    <details class="request">
      <summary>
        {title !== undefined && <span class="more">{title}</span>}
        <span class="method">{request.method}</span>
        <code>{request.prefix + request.apiPath}</code>
        <span class="more">copy as</span>
      </summary>
      <dl>
        {(['curl', 'kubectl', 'fetch'] as const).map(name => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <Line name={name} text={commands[name]} />
            </dd>
          </div>
        ))}
      </dl>
      {withoutLimit(request.apiPath) !== request.apiPath && (
        <p class="hint">
          The page reads a part of the list at a time (<code>limit=500</code>). These commands leave that out,
          and get the whole list.
        </p>
      )}
      {children}
      {hasOwnAuthority && (
        <p class="hint">
          <code>ca.crt</code> is the certificate of this proxy’s authority. Node.js reads it for fetch with{' '}
          <code>NODE_EXTRA_CA_CERTS=ca.crt</code>.
        </p>
      )}
    </details>
  );
}

function Line({ name, text }: { readonly name: string; readonly text: string | undefined }) {
  if (text === undefined) return <span class="muted">none: it would have a character that nobody sees</span>;
  return (
    <>
      <ScrollBox kind="command" label={`${name} command`}>
        <pre>{text}</pre>
      </ScrollBox>
      <CopyButton text={text} label={name} />
    </>
  );
}
