import { ApiError } from '../api/client.js';
import { LineReader } from '../api/lines.js';
import type { ApiObject, WatchEvent } from '../api/objects.js';
import type { ApiRequest } from '../api/requests.js';
import { stream } from '../api/stream.js';
import type { Source } from './source.js';

/**
 * Streams the events of one watch until it ends. Rejects with an ApiError, also after an ERROR event: 410 means that the list must be read
 * again.
 */
export async function watchEvents(
  { client }: Source,
  request: ApiRequest,
  onEvent: (event: WatchEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const failing = new AbortController();
  const reader = new LineReader(line => {
    if (failing.signal.aborted) return;
    let event: WatchEvent;
    try {
      event = JSON.parse(line) as WatchEvent;
    } catch {
      failing.abort(new ApiError(0, 'the watch sent a line that is not an event'));
      return;
    }
    if (event.type === 'ERROR') failing.abort(errorOf(event.object));
    else onEvent(event);
  });
  await stream(client, request, text => reader.read(text), AbortSignal.any([signal, failing.signal]));
  failing.signal.throwIfAborted();
}

function errorOf(status: ApiObject): ApiError {
  const { code, message } = status as { readonly code?: number; readonly message?: string };
  return new ApiError(code ?? 500, message ?? 'the watch failed');
}
