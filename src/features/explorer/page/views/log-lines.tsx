import { useCallback, useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { LogLine, Pause } from '../live/pod-log.js';
import { ScrollBox } from '../parts/scroll-box.js';
import { useVirtualizer } from '../parts/virtual-rows.js';

/** The last line that a reader saw at the end of a log, by its number, and when. */
export interface LogPlace {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Pixels: the height of a line that is not wrapped. */
const lineHeight = 20;
/** Pixels below which the reader is at the end. */
const atEnd = 40;
const rowsAround = 10;

/**
 * The lines of a log, of which only those in view are in the document. The view stays at the end until the reader scrolls up, and at the
 * reader's line after that.
 */
export function LogLines({
  label,
  lines,
  longest,
  left,
  current,
  isWrapped,
  hasTimes,
  goTo,
  onLeave,
}: {
  readonly label: string;
  readonly lines: readonly LogLine[];
  /** The characters of the longest line. */
  readonly longest: number;
  /** Where the reader left the end. */
  readonly left: LogPlace | undefined;
  /** The line that is marked as found. */
  readonly current: LogLine | undefined;
  readonly isWrapped: boolean;
  readonly hasTimes: boolean;
  /** Scrolls to a line. */
  readonly goTo: { current: (id: number | 'end') => void };
  /** The reader has scrolled up from the end. */
  readonly onLeave: (left: LogPlace) => void;
}) {
  const shown = useRef(lines);
  shown.current = lines;
  const isAtEnd = useRef(true);
  const { virtualizer, scroller } = useVirtualizer({
    count: lines.length,
    estimateSize: () => lineHeight,
    getItemKey: useCallback((index: number) => shown.current[index]?.id ?? -1, []),
    ...{ overscan: rowsAround, paddingStart: 12, paddingEnd: 12 },
    ...{ anchorTo: 'end', followOnAppend: true, scrollEndThreshold: atEnd },
  });
  const [{ id: first } = { id: 0 }] = lines;
  goTo.current = id => {
    if (id === 'end') virtualizer.scrollToEnd();
    else virtualizer.scrollToIndex(Math.max(0, id - first), { align: 'center' });
  };
  useEffect(() => {
    if (current !== undefined) goTo.current(current.id);
  }, [current?.id]);
  useLayoutEffect(() => {
    // Each line has another height now.
    const top = virtualizer.getVirtualItemForOffset(virtualizer.scrollOffset ?? 0)?.index ?? 0;
    virtualizer.measure();
    if (isAtEnd.current) virtualizer.scrollToEnd();
    else virtualizer.scrollToIndex(top, { align: 'start' });
  }, [isWrapped]);
  useLayoutEffect(() => {
    // The heights of dropped lines are kept otherwise.
    const { itemSizeCache: heights } = virtualizer;
    if (heights.size > 2 * lines.length)
      for (const key of heights.keys()) if (Number(key) < first) heights.delete(key);
  }, [first]);
  const items = virtualizer.getVirtualItems();
  const below = virtualizer.getTotalSize() - (items.at(-1)?.end ?? 0);
  return (
    <ScrollBox
      kind={isWrapped ? 'log wrapped' : 'log'}
      box={scroller}
      label={label}
      onScroll={({ scrollTop, scrollHeight, clientHeight }) => {
        const isNow = scrollHeight - scrollTop - clientHeight < atEnd;
        if (isAtEnd.current && !isNow) onLeave({ id: lines.at(-1)?.id ?? 0, at: Date.now() });
        isAtEnd.current = isNow;
      }}
    >
      <pre style={{ minWidth: isWrapped ? '' : `${longest + (hasTimes ? 12 : 0)}ch` }}>
        <Gap height={items[0]?.start ?? 0} />
        {items.map(({ index }) => {
          const line = lines[index];
          return (
            line && (
              <span
                key={line.id}
                data-index={index}
                ref={virtualizer.measureElement}
                class={line.id === current?.id ? 'line found' : 'line'}
              >
                {line.pause && <span class="mark">{wordsOf(line.pause)}</span>}
                {line.id - 1 === left?.id && <span class="mark">You were here at {timeOf(left.at)}.</span>}
                {hasTimes && line.time !== '' && (
                  <time class="muted">{new Date(line.time).toLocaleTimeString()} </time>
                )}
                {line.text}
              </span>
            )
          );
        })}
        <Gap height={below} />
      </pre>
    </ScrollBox>
  );
}

/** As high as the lines that are not drawn. */
function Gap({ height }: { readonly height: number }) {
  return <span class="gap" style={{ height: `${height}px` }} />;
}

function wordsOf({ kind, at }: Pause): string {
  const time = timeOf(at);
  if (kind === 'paused') return `You were here at ${time}, when this window was hidden.`;
  if (kind === 'away') return `The connection was cut at ${time}.`;
  return `The log ended at ${time} and began again. A new container may have started.`;
}

function timeOf(at: number): string {
  return new Date(at).toLocaleTimeString();
}
