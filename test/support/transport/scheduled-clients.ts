import http, { type ServerResponse } from 'node:http';
import { ClientWriter } from '../../../src/proxy/client-writer.js';
import type { Random } from '../random.js';
import { ScheduledSocket } from './scheduled-socket.js';

/** Clients over HTTP/1.1 on scheduled sockets, and Node's own server for them. */
export class ScheduledClients {
  readonly #server: http.Server;

  /** @param answer Called for each request with its path. */
  constructor(answer: (path: string, response: ServerResponse) => void) {
    this.#server = http.createServer((request, response) => answer(request.url as string, response));
  }

  connect(): ScheduledSocket {
    const client = new ScheduledSocket();
    client.on('error', () => {});
    this.#server.emit('connection', client);
    return client;
  }

  request(client: ScheduledSocket, path: string): void {
    client.offer(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`));
    client.deliver(1000, true);
  }
}

/** A writer for this response. An error before the head cuts the client off. */
export function writerFor(response: ServerResponse, longRunning: boolean): ClientWriter {
  const reply = { raw: response, sent: false, hijack() {}, send: () => response.destroy() };
  const record = { longRunning, opened() {}, answeredUpstream() {} };
  const head = { mayBeBrowser: false };
  const request = { reply, record, mount: { namesContext: false }, path: { api: undefined }, head };
  return new ClientWriter(
    request as never,
    { sandboxesProxiedPages: false, openStreams: { ending: false } },
    { mayHaveTrailers: false, isFollowed: false, onOver() {} },
  );
}

/** A client accepts some bytes: now, or before the next turn of the event loop ends. */
export function acceptSome(random: Random, client: ScheduledSocket): void {
  const limit = random.pick([1, 500, 9000, 70_000, 300_000, 1_000_000]);
  const accept = () => client.accept(limit);
  const when = random.below(4);
  if (when === 0) queueMicrotask(accept);
  else if (when === 1) process.nextTick(accept);
  else if (when === 2) setImmediate(accept);
  else accept();
}

/** Up to so many reads in one go, as TLS has them or as TCP has them. Returns the number of bytes. */
export function deliverSome(random: Random, socket: ScheduledSocket, reads: number): number {
  const isTls = random.chance(0.3);
  let total = 0;
  for (let read = 0; read < reads; read += 1) {
    const limit = 1 + random.below(random.pick([20, 5000, 16_384, 70_000]));
    const length = socket.deliver(limit, isTls && read > 0);
    if (length === 0) break;
    total += length;
  }
  return total;
}
