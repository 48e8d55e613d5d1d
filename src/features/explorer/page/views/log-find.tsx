import type { LogLine } from '../live/pod-log.js';

/** Finds a text in the lines of a log: how many have it, and the next one. */
export function LogFind({
  wanted,
  found,
  current,
  onType,
  onNext,
}: {
  readonly wanted: string;
  readonly found: readonly LogLine[];
  /** The line that is marked. */
  readonly current: LogLine | undefined;
  readonly onType: (text: string) => void;
  readonly onNext: () => void;
}) {
  return (
    <form
      class="find"
      onSubmit={event => {
        event.preventDefault();
        onNext();
      }}
    >
      <input
        type="search"
        placeholder="Find"
        aria-label="Find in the log"
        spellcheck={false}
        value={wanted}
        onInput={({ currentTarget }) => onType(currentTarget.value)}
      />
      {wanted !== '' && (
        <>
          <span role="status">
            {current === undefined
              ? 'not found'
              : `${(found.indexOf(current) + 1).toLocaleString('en')} of ${found.length.toLocaleString('en')}`}
          </span>
          <button type="submit" class="small" disabled={found.length < 2}>
            Next
          </button>
        </>
      )}
    </form>
  );
}
