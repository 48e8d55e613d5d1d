import { browser } from './browser.js';
import { ApiError, type Client } from './client.js';
import type { ApiRequest } from './requests.js';

/**
 * Streams an answer without an end over a WebSocket. Over HTTP/1.1 a browser opens at most six connections to an origin, over all its
 * windows, and WebSockets do not count. If no WebSocket can be opened, the answer is read as an ordinary response. Calls back with each
 * piece of text. Resolves when the stream ends, and rejects with an ApiError if it fails.
 */
export async function stream(
  client: Client,
  request: ApiRequest,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  await client.session?.ready();
  if (hasOwnStreams() || !(await overWebSocket(client, request, onText, signal))) {
    await overFetch(client, request, onText, signal);
  }
}

/** Whether requests share one connection without waiting for each other, as over HTTP/2. */
export function hasOwnStreams(): boolean {
  const [navigation] = browser.performance.getEntriesByType('navigation');
  return /^h[23]/.test(navigation?.nextHopProtocol ?? '');
}

/** A browser can send no header with a WebSocket, so the token is a subprotocol, besides one that the API server accepts. */
function subprotocols(token: string | undefined): string[] {
  if (token === undefined) return [];
  const bytes = Array.from(new TextEncoder().encode(token), byte => String.fromCharCode(byte)).join('');
  const encoded = btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  return [`base64url.bearer.authorization.k8s.io.${encoded}`, binary];
}

/** The subprotocol for logs means bytes. For a watch any single name is accepted (apiserver `wsstream`, `watch.go`). */
const binary = 'binary.k8s.io';

/** Resolves with false if the socket did not open. Browsers do not say why. */
function overWebSocket(
  client: Client,
  request: ApiRequest,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const url = (client.base + request.prefix + request.apiPath).replace(/^http/, 'ws');
    const socket = new WebSocket(url, subprotocols(client.tokenFor(request.prefix)));
    const decoder = new TextDecoder();
    let isOpen = false;
    const abort = () => {
      socket.close();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      isOpen = true;
    };
    socket.onmessage = ({ data }) => {
      if (signal.aborted) return;
      onText(typeof data === 'string' ? `${data}\n` : decoder.decode(data as ArrayBuffer, { stream: true }));
    };
    socket.onclose = ({ wasClean }) => {
      signal.removeEventListener('abort', abort);
      if (isOpen && !wasClean) reject(new ApiError(0, 'the connection was cut'));
      else resolve(isOpen);
    };
  });
}

async function overFetch(
  client: Client,
  request: ApiRequest,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await client.send(request, signal);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let piece = await reader?.read(); piece?.done === false; piece = await reader?.read()) {
      if (!signal.aborted) onText(piece.value);
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error instanceof ApiError ? error : new ApiError(0, 'the connection was cut');
  }
}
