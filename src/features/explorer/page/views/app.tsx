import { useEffect } from 'preact/hooks';
import type { Address, View } from '../api/fragment.js';
import { useFocusOnHeading, useStore } from '../parts/hooks.js';
import { Skeleton } from '../parts/notices.js';
import type { State } from '../state.js';
import { Away } from './away.js';
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
  const isReady = cluster !== undefined && index.kind === 'ready';
  useFocusOnHeading([shown, isReady]);
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
  return (
    <div class={isReady ? 'app' : 'app alone'}>
      <button type="button" class="skip" onClick={() => document.querySelector('main')?.focus()}>
        Skip to content
      </button>
      <Header />
      {isReady && <Sidebar index={index.value} />}
      <main id="content" tabIndex={-1}>
        {session.kind === 'closed' && (
          <div class="sign-in">
            <SignIn problem={session.problem} cluster={cluster?.name} />
          </div>
        )}
        {session.kind !== 'closed' && isReady && <Content index={index.value} />}
        {session.kind !== 'closed' && !isReady && <NotReady index={index} />}
      </main>
    </div>
  );
}

function NotReady({ index }: { readonly index: State['index'] }) {
  if (index.kind === 'ready' || index.problem === undefined) return <Skeleton lines={10} />;
  return <Away problem={index.problem} isFinal={index.kind === 'failed'} />;
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
