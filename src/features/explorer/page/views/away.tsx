import { fragmentIn } from '../api/fragment.js';
import { useNow, useStore } from '../parts/hooks.js';
import { Problem } from '../parts/notices.js';
import { Status } from '../parts/status.js';
import { retryInterval, store } from '../store.js';
import { humanDuration } from '../text/age.js';

/** In the place of the content of a cluster that cannot be read: why, since when, what follows, and the other clusters. */
export function Away({ problem, isFinal }: { readonly problem: string; readonly isFinal: boolean }) {
  const cluster = useStore(state => state.cluster);
  const clusters = useStore(state => state.clusters);
  const address = useStore(state => state.address);
  const now = useNow();
  const { name, reason, condition, since } = cluster ?? {};
  const others = clusters.filter(other => other.prefix !== cluster?.prefix);
  const began = Date.parse(since ?? '');
  return (
    <section class="page away-page">
      <h1>{name || 'The API server'} cannot be read</h1>
      <Problem>
        {cluster !== undefined
          ? 'The API server does not answer'
          : isFinal
            ? 'Look elsewhere'
            : 'There is no answer'}
        : {problem}.{!isFinal && ` Trying again every ${retryInterval / 1_000} s.`}
      </Problem>
      {reason !== undefined && !problem.includes(reason) && <p>The proxy says: {reason}.</p>}
      {condition !== undefined && <p>Its manager says: {condition}</p>}
      {since !== undefined && !Number.isNaN(began) && (
        <p>
          It has been failing since{' '}
          <time dateTime={since} title={new Date(began).toLocaleString()}>
            {new Date(began).toLocaleTimeString()}
          </time>
          , for {humanDuration(Math.max(0, now - began))}.
        </p>
      )}
      {isFinal && cluster !== undefined && (
        <button type="button" onClick={() => store.readAgain()}>
          Try again
        </button>
      )}
      {others.length > 0 && (
        <>
          <h2>Other clusters</h2>
          <ul class="others">
            {others.map(({ fragment, name: own, state }) => (
              <li key={fragment}>
                <a href={`#${fragmentIn(fragment, address)}`}>{own || 'the API server'}</a>{' '}
                <Status kind={state === 'failing' ? 'bad' : state === 'ready' ? 'good' : 'none'}>
                  {state}
                </Status>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
