import { ApiError } from './client.js';

/** The state of a stream. */
export type StreamState =
  | { readonly kind: 'connecting' | 'live' | 'paused' | 'ended' }
  /** There is no answer; another attempt follows. */
  | { readonly kind: 'away'; readonly reason: string };

/** What `follow` needs from the browser's page. */
export interface Surroundings {
  /** Resolves when the page is visible, because a hidden page must hold no connection. */
  readonly visible: (signal: AbortSignal) => Promise<void>;
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Calls back once when the page is hidden. */
  readonly onHidden: (callback: () => void, signal: AbortSignal) => void;
}

/** Milliseconds before the next attempt: longer after more failures, and with a random part, so that windows do not all try at once. */
function pauseAfter(failures: number): number {
  return Math.min(10_000, 500 * 2 ** failures) * (0.75 + Math.random() / 2);
}

/**
 * Runs an attempt again and again until the signal is aborted. If a stream ends, the next attempt follows: at once if the stream lasted,
 * later if it did not. While the page is hidden there is no attempt. Rejects with an error that another attempt cannot fix.
 */
export async function follow(
  run: (signal: AbortSignal, onLive: () => void) => Promise<void>,
  onState: (state: StreamState) => void,
  { visible, wait, onHidden }: Surroundings,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  for (;;) {
    await visible(signal);
    const attempt = new AbortController();
    onHidden(() => attempt.abort(hidden), AbortSignal.any([signal, attempt.signal]));
    const opened = Date.now();
    try {
      await run(AbortSignal.any([signal, attempt.signal]), () => {
        failures = 0;
        onState({ kind: 'live' });
      });
      if (Date.now() - opened < 1_000) await wait(pauseAfter(failures++), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      if (attempt.signal.aborted) onState({ kind: 'paused' });
      else if (error instanceof ApiError && error.isPassing) {
        onState({ kind: 'away', reason: error.message });
        await wait(pauseAfter(failures++), signal);
      } else throw error;
    } finally {
      attempt.abort(hidden);
    }
  }
}

const hidden = new DOMException('the page is hidden', 'AbortError');
