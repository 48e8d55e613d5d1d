import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ApiIndex } from '../api/discovery.js';
import { useStore } from '../parts/hooks.js';
import { Tree } from './tree.js';
import { bestMatch, visibleItems } from './tree-items.js';

/** The tree of all groups and resources, with a box that filters it. The key `/` moves the focus to the box. */
export function Sidebar({ index }: { readonly index: ApiIndex }) {
  const [filter, setFilter] = useState('');
  const [isOpen, setOpen] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const address = useStore(state => state.address);
  // On a narrow screen the tree covers the view that was chosen in it.
  useEffect(() => setOpen(false), [address]);
  // Before the first paint: who sees the tree can use the key.
  useLayoutEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof Element && event.target.matches('input, select, textarea');
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      setOpen(true);
      input.current?.focus();
      // On a narrow screen the box appears only in the next frame; elsewhere it takes the next key at once.
      if (document.activeElement !== input.current) requestAnimationFrame(() => input.current?.focus());
    };
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
  const keyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') {
      setFilter('');
      input.current?.blur();
      setOpen(false);
    }
    if (event.key === 'ArrowDown' || event.key === 'Enter') {
      event.preventDefault();
      const found =
        document.querySelector<HTMLElement>('[role=treeitem].best') ??
        document.querySelector<HTMLElement>('[role=treeitem]');
      if (event.key === 'Enter') found?.click();
      else found?.focus();
    }
  };
  const items = visibleItems(index, filter.trim().toLowerCase());
  const best = bestMatch(items);
  const matches = items.filter(({ match }) => match !== undefined).length;
  return (
    <nav class={isOpen ? 'sidebar open' : 'sidebar'} aria-label="Groups and resources">
      <button type="button" class="drawer" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {isOpen ? 'Close' : 'Groups and resources'}
      </button>
      <div class="drawn">
        <input
          ref={input}
          type="search"
          placeholder="Filter resources"
          aria-label="Filter groups and resources"
          aria-keyshortcuts="/"
          value={filter}
          onInput={({ currentTarget }) => setFilter(currentTarget.value)}
          onKeyDown={keyDown}
        />
        <Tree items={items} best={best} isFiltered={filter.trim() !== ''} />
        <p class="visually-hidden" role="status">
          {filter.trim() !== '' && `${matches} resources match${best ? `, ${best.label} best` : ''}`}
        </p>
      </div>
    </nav>
  );
}
