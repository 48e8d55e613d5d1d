import { ApiError } from './client.js';

/** How a stream is. */
export type StreamState =
  | { readonly kind: 'connecting' | 'live' | 'paused' | 'ended' }
  /** Nobody answers; there will be another try. */
  | { readonly kind: 'away'; readonly reason: string };

/** What follows something needs to know of the world around it. */
export interface Surroundings {
  /** Resolves when the page is seen: a hidden one holds no connection. */
  readonly visible: (signal: AbortSignal) => Promise<void>;
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Calls back once when the page is hidden. */
  readonly onHidden: (callback: () => void, signal: AbortSignal) => void;
}

/** Milliseconds before another try, the longer the more have failed; with a random part, so that windows do not come at once. */
function pauseAfter(failures: number): number {
  return Math.min(10_000, 500 * 2 ** failures) * (0.75 + Math.random() / 2);
}

/**
 * Runs something again and again until the signal says otherwise: a stream that ends is opened again, at once if it lived, and later if it did not.
 * It is ended while the page is hidden. Rejects with what another try cannot mend.
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
