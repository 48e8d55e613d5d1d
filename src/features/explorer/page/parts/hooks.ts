import { useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import { ApiError, messageOf } from '../api/client.js';
import { page } from '../api/page.js';
import type { Model } from '../live/model.js';
import type { Source } from '../live/source.js';
import type { Loaded, State } from '../state.js';
import { store } from '../store.js';

/** A part of the page's state. The view is drawn again when this part changes. */
export function useStore<T>(select: (state: State) => T): T {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  const value = select(store.state);
  useEffect(() => {
    const check = () => {
      if (select(store.state) !== value) draw(undefined);
    };
    // The part may have changed since the view was drawn.
    check();
    return store.subscribe(check);
  }, [select, value]);
  return value;
}

/** The cluster that is shown; undefined until its discovery has been read. */
export function useSource(): Source | undefined {
  const prefix = useStore(state => state.cluster?.prefix);
  const index = useStore(state => state.index);
  return useMemo(() => {
    if (prefix === undefined || index.kind !== 'ready') return undefined;
    return { client: store.client, prefix, index: index.value, page };
  }, [prefix, index]);
}

/** A model that lives as long as the view and its keys. */
export function useModel<M extends Model>(create: () => M, keys: readonly unknown[]): M {
  const model = useMemo(create, keys);
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    let frame: number | undefined;
    const unsubscribe = model.subscribe(() => {
      frame ??= requestAnimationFrame(() => {
        frame = undefined;
        draw(undefined);
      });
    });
    model.start();
    return () => {
      unsubscribe();
      model.close();
      if (frame !== undefined) cancelAnimationFrame(frame);
    };
  }, [model]);
  return model;
}

/** A value that is read once for these keys. */
export function useLoaded<T>(read: (signal: AbortSignal) => Promise<T>, keys: readonly unknown[]): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({ kind: 'loading' });
  useEffect(() => {
    const ending = new AbortController();
    setLoaded({ kind: 'loading' });
    read(ending.signal).then(
      value => {
        if (!ending.signal.aborted) setLoaded({ kind: 'ready', value });
      },
      error => {
        const code = error instanceof ApiError ? error.code : undefined;
        if (!ending.signal.aborted) setLoaded({ kind: 'failed', problem: messageOf(error), code });
      },
    );
    return () => ending.abort();
  }, keys);
  return loaded;
}

/** After a link was followed by keyboard, the focus is on the heading of the view, as soon as there is one. */
export function useFocusOnHeading(keys: readonly unknown[]): void {
  const isWanted = useRef(false);
  useEffect(() => {
    const followed = ({ target, detail }: MouseEvent) => {
      // A click of the keyboard has no count.
      isWanted.current = detail === 0 && target instanceof Element && target.closest('a') !== null;
    };
    document.addEventListener('click', followed);
    return () => document.removeEventListener('click', followed);
  }, []);
  useEffect(() => {
    const focus = () => {
      const heading = document.querySelector<HTMLElement>('main h1');
      if (!isWanted.current || heading === null) return;
      isWanted.current = false;
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    };
    focus();
    if (!isWanted.current) return;
    // The code of the view may still be on its way.
    const observer = new MutationObserver(focus);
    observer.observe(document.body, { childList: true, subtree: true });
    return () => observer.disconnect();
  }, keys);
}

/** Whether the page is as narrow as a phone. */
export function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(phone.matches);
  useEffect(() => {
    const check = () => setNarrow(phone.matches);
    phone.addEventListener('change', check);
    return () => phone.removeEventListener('change', check);
  }, []);
  return isNarrow;
}

const phone = matchMedia('(max-width: 600px)');

/** The current time. The view is drawn again every second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
