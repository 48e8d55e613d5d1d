import { useEffect } from 'preact/hooks';
import type { Address, View } from '../api/fragment.js';
import { useStore } from '../parts/hooks.js';
import { Problem, Skeleton } from '../parts/notices.js';
import { Content } from './content.js';
import { Header } from './header.js';
import { Sidebar } from './sidebar.js';
import { SignIn } from './sign-in.js';

/** The whole page. */
export function App() {
  const session = useStore(state => state.session);
  const cluster = useStore(state => state.cluster);
  const index = useStore(state => state.index);
  const address = useStore(state => state.address);
  // A search by name is in the address, but typing is no new view.
  const shown = address.text.replace(/[?&]name=[^&]*/, '');
  // A new view starts at its top.
  useEffect(() => document.querySelector('main')?.scrollTo(0, 0), [shown]);
  useEffect(() => {
    // A screen reader starts at its heading.
    document.title = titleOf(address, cluster?.name);
  }, [address, cluster]);
  if (session.kind === 'closed' && session.by === 'proxy') {
    return (
      <main class="sign-in">
        <SignIn problem={session.problem} />
      </main>
    );
  }
  if (session.kind === 'leaving') {
    return (
      <main class="sign-in">
        <div>
          <h1>Kubernetes API</h1>
          <p role="status">Signing out…</p>
        </div>
      </main>
    );
  }
  const isReady = cluster !== undefined && index.kind === 'ready';
  return (
    <div class="app">
      <button type="button" class="skip" onClick={() => document.querySelector('main')?.focus()}>
        Skip to content
      </button>
      <Header />
      {isReady && <Sidebar index={index.value} />}
      <main id="content" tabIndex={-1}>
        {index.kind !== 'ready' && index.problem !== undefined && (
          <Problem>
            The API server does not answer: {index.problem}.{index.kind === 'loading' && ' Trying again.'}
          </Problem>
        )}
        {session.kind === 'closed' && (
          <div class="sign-in">
            <SignIn problem={session.problem} cluster={cluster?.name} />
          </div>
        )}
        {session.kind !== 'closed' && (isReady ? <Content index={index.value} /> : <Skeleton lines={10} />)}
      </main>
    </div>
  );
}

/** The title of the window, with the most specific part first. */
function titleOf({ view }: Address, cluster: string | undefined): string {
  return [...wordsOf(view), cluster, 'Kubernetes API'].filter(Boolean).join(' · ');
}

function wordsOf(view: View): readonly string[] {
  switch (view.kind) {
    case 'group':
      return [view.group || 'core'];
    case 'path':
      return [view.path];
    case 'list':
      return [view.resource, view.namespace];
    case 'object':
      return [view.name, view.resource, view.namespace];
    case 'log':
      return ['log', view.name, view.namespace];
    default:
      return [];
  }
}
