import type { EventReader } from './watch-event.js';

export type { EventReader } from './watch-event.js';

/**
 * The reader for the format of a watch response; undefined if its events cannot be shared.
 *
 * @param headers Name, value, name, value, …
 */
export function createEventReader(_headers: readonly string[]): EventReader | undefined {
  return undefined;
}
