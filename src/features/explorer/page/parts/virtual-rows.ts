import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualizerOptions,
} from '@tanstack/virtual-core';
import { useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';

type Options = VirtualizerOptions<HTMLElement, HTMLElement>;

/** Which rows are in view in a scrolling element. */
export function useVirtualizer(rows: Pick<Options, 'count' | 'estimateSize'> & Partial<Options>) {
  const scroller = useRef<HTMLElement>(null);
  const [, draw] = useReducer((drawn: number) => drawn + 1, 0);
  const options: Options = {
    getScrollElement: () => scroller.current,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => draw(undefined),
    ...rows,
  };
  const [virtualizer] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(options));
  virtualizer.setOptions(options);
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  return { virtualizer, scroller };
}

/** Which rows of equal height are in view in a scrolling element. */
export function useVirtualRows(count: number, height: number) {
  const { virtualizer, scroller } = useVirtualizer({ count, estimateSize: () => height, overscan: 12 });
  // It keeps the height of each row.
  useLayoutEffect(() => virtualizer.measure(), [virtualizer, height]);
  const items = virtualizer.getVirtualItems();
  return {
    scroller,
    first: items[0]?.index ?? 0,
    end: (items.at(-1)?.index ?? -1) + 1,
    scrollTo: (index: number) => virtualizer.scrollToIndex(index),
  };
}
