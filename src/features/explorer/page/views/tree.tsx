import { useEffect, useState } from 'preact/hooks';
import { versionPath } from '../api/requests.js';
import { useStore } from '../parts/hooks.js';
import { linkTo, linkToList } from '../parts/links.js';
import type { TreeItem } from './tree-items.js';

/** A tree for the keyboard: the right and left arrows unfold and fold, Enter opens, Home and End go to the first and last line. */
export function Tree({
  items,
  best,
  isFiltered,
}: {
  readonly items: readonly TreeItem[];
  /** The line that matches the filter best. */
  readonly best: TreeItem | undefined;
  readonly isFiltered: boolean;
}) {
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(
    () => new Set(items[0] ? [items[0].path] : []),
  );
  const here = useAddressPath();
  const namespace = useStore(state => state.namespace);
  const [focused, setFocused] = useState('');
  const isUnfolded = (path: string) => isFiltered || unfolded.has(path) || here.startsWith(`${path}/`);
  const parents = new Map(items.map(({ path, parent }) => [path, parent]));
  const isShown = ({ parent }: TreeItem) => {
    for (let at = parent; at !== undefined; at = parents.get(at)) if (!isUnfolded(at)) return false;
    return true;
  };
  const shown = items.filter(isShown);
  useEffect(() => {
    // A user who follows a link sees the resource in the tree.
    document.querySelector('[role=treeitem][aria-current]')?.scrollIntoView({ block: 'nearest' });
  }, [here]);
  useEffect(() => {
    document.querySelector('[role=treeitem].best')?.scrollIntoView({ block: 'nearest' });
  }, [best?.path]);
  const tabStop = [focused, here].find(path => shown.some(item => item.path === path)) ?? shown[0]?.path;
  const fold = (path: string, isOpen: boolean) => {
    const next = new Set(unfolded);
    if (isOpen) next.add(path);
    else next.delete(path);
    setUnfolded(next);
  };
  const keyDown = (event: KeyboardEvent, item: TreeItem) => {
    const at = shown.indexOf(item);
    const isOpen = item.hasChildren && isUnfolded(item.path);
    const steps: Readonly<Record<string, () => string | undefined>> = {
      ArrowDown: () => shown[at + 1]?.path,
      ArrowUp: () => shown[at - 1]?.path,
      Home: () => shown[0]?.path,
      End: () => shown.at(-1)?.path,
      ArrowRight: () => {
        if (isOpen) return shown[at + 1]?.path;
        if (item.hasChildren) fold(item.path, true);
        return item.path;
      },
      ArrowLeft: () => {
        if (!isOpen) return item.parent;
        fold(item.path, false);
        return item.path;
      },
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const path = step();
    const element = [...document.querySelectorAll<HTMLElement>('[role=treeitem]')].find(
      ({ dataset }) => dataset['path'] === path,
    );
    element?.focus();
  };
  return (
    <div role="tree" aria-label="Groups and resources">
      {shown.map(item => {
        const { path, level, label, note, hasChildren, isCustom } = item;
        const isOpen = hasChildren && isUnfolded(path);
        return (
          <a
            key={path}
            role="treeitem"
            class={`level-${level}${path === best?.path ? ' best' : ''}`}
            href={item.resource === undefined ? linkTo(path) : linkToList(item.resource, namespace)}
            data-path={path}
            tabIndex={path === tabStop ? 0 : -1}
            aria-level={level}
            aria-expanded={hasChildren ? isOpen : undefined}
            aria-selected={path === here}
            aria-current={path === here ? 'page' : undefined}
            onFocus={() => setFocused(path)}
            onKeyDown={event => keyDown(event, item)}
            onClick={() => {
              if (hasChildren) fold(path, !unfolded.has(path));
            }}
          >
            <span class="label">{label}</span>
            {isCustom && level === 1 && <span class="tag">custom</span>}
            {note !== '' && <span class="note">{note}</span>}
          </a>
        );
      })}
      {shown.length === 0 && <p class="muted">No resource matches.</p>}
    </div>
  );
}

/** Path of the resource or group that is shown, as in the tree. */
function useAddressPath(): string {
  const view = useStore(state => state.address.view);
  switch (view.kind) {
    case 'group':
      return view.group === ''
        ? `/api/${view.version ?? ''}`
        : `/apis/${view.group}${view.version ? `/${view.version}` : ''}`;
    case 'list':
    case 'object':
    case 'log':
      return `${versionPath(view)}/${view.resource}`;
    default:
      return '';
  }
}
