/** The pauses between tries, in milliseconds, with the fields of client-go's `wait.Backoff`. */
export interface Backoff {
  /** After the first failure. */
  readonly first: number;
  /** How many times as long each further one is; 2 by default. */
  readonly factor?: number;
  /** The longest one, without its random part. */
  readonly most: number;
  /** The largest random part that is added to a pause, as a part of it, so that many do not try at the same moment; 0 by default. */
  readonly jitter?: number;
}

/**
 * Milliseconds until the next try after this number of failures in a row, which is at least 1.
 *
 * @param random Gives numbers from 0 to 1.
 */
export function pauseAfter(failures: number, backoff: Backoff, random: () => number = Math.random): number {
  const { first, factor = 2, most, jitter = 0 } = backoff;
  return Math.min(first * factor ** (failures - 1), most) * (1 + jitter * random());
}
