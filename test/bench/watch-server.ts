import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { answer, now, watchEvent } from './watch-event.js';
import { eventRate, herdObjects, initialEventsEnd } from './workloads.js';

// This process stands for the API server in watches: TLS with a required client certificate, HTTP/2 and HTTP/1.1.
// Every GET with watch=1 stays open and gets one event at once, or all objects and a bookmark if it asks for that, then the same events as
// all others, with growing versions.

/** The API server's own limit, which spreads a client's watches over several connections. */
const streamsPerConnection = 100;
/**
 * How many watches are written in one turn of the event loop. HTTP/2 sends together what one turn wrote; eight events are the 4 KB that
 * the API server (golang.org/x/net/http2) buffers before it writes.
 */
const slice = 8;

/** A pod of the usual size. */
const objectBytes = 3_400;

const open = new Set<Http2ServerResponse>();
const sockets = new Set<Socket>();
/** What the connections have sent that are closed. */
let sentByClosed = 0;
let port = 0;
let sent = 0;
let rounds = 0;
let latest = 0;
let skipped = 0;
let timer: NodeJS.Timeout | undefined;
let writing = false;

/** What the server does. */
export type ServerCommand =
  | { readonly command: 'listen'; readonly tls: Readonly<Record<'ca' | 'cert' | 'key', string>> }
  | { readonly command: 'start' | 'report' | 'stop' };

/** The server's answer to each of its commands. */
export type ServerState = ReturnType<typeof stateNow>;

answer<ServerCommand, ServerState>(async message => {
  if (message.command === 'listen') port = await listen(message);
  if (message.command === 'start') {
    timer = setInterval(() => void sendToAll(), 1000 / eventRate);
  }
  if (message.command === 'stop') {
    clearInterval(timer);
    while (writing) await sleep(1);
  }
  return stateNow();
});

function stateNow() {
  const { user, system } = process.cpuUsage();
  return {
    port,
    /** The open watches, and their HTTP versions. */
    ...{ open: open.size, protocols: [...new Set([...open].map(({ req }) => req.httpVersion))] },
    /** Since the start: events written, rounds in which every watch got one, and those that were skipped because the one before was still being written. */
    ...{ sent, rounds, skipped },
    /** Bytes that all connections have sent. */
    bytes: [...sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, sentByClosed),
    /** CPU time in seconds, user and system. */
    cpu: (user + system) / 1e6,
  };
}

async function listen({ tls }: Extract<ServerCommand, { command: 'listen' }>): Promise<number> {
  const server = createSecureServer(
    {
      ...tls,
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: true,
      allowHTTP1: true,
      settings: { maxConcurrentStreams: streamsPerConnection },
    },
    serve,
  );
  server.on('secureConnection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      sentByClosed += socket.bytesWritten;
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', 4096, resolve));
  return (server.address() as AddressInfo).port;
}

function serve(request: Http2ServerRequest, response: Http2ServerResponse): void {
  response.on('error', () => {});
  response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache, private' });
  if (!request.url.includes('watch=1')) {
    response.end('{}');
    return;
  }
  response.once('close', () => open.delete(response));
  open.add(response);
  const stamp = nextStamp();
  const times = { changed: stamp, sent: stamp };
  if (!request.url.includes('sendInitialEvents=true')) {
    response.write(watchEvent('ADDED', times));
    return;
  }
  const object = watchEvent('ADDED', times, { size: objectBytes });
  for (let count = 0; count < herdObjects; count += 1) response.write(object);
  response.write(watchEvent('BOOKMARK', times, { size: 0, annotation: `${initialEventsEnd},` }));
}

/** The time, which is also the version of an event. It is different for each change. */
function nextStamp(): number {
  latest = Math.max(latest + 1, now());
  return latest;
}

/** Sends one event to every watch. */
async function sendToAll(): Promise<void> {
  if (writing) {
    skipped += 1;
    return;
  }
  writing = true;
  const targets = [...open];
  const changed = nextStamp();
  for (let start = 0; start < targets.length; start += slice) {
    const event = watchEvent('MODIFIED', { changed, sent: now() });
    for (const response of targets.slice(start, start + slice)) {
      if (!open.has(response)) continue;
      response.write(event);
      sent += 1;
    }
    await turn();
  }
  rounds += 1;
  writing = false;
}
