import { EventEmitter, once } from 'node:events';
import tls from 'node:tls';
import { sharedIdentity } from '../certificates/certificates.js';
import { patience } from '../eventually.js';
import { listen } from '../ports.js';
import { type RunningProgram, startInProcess } from '../proxy/in-process.js';
import { type KubeconfigContents, type KubeconfigFile, writeKubeconfig } from '../proxy/kubeconfig-file.js';
import type { Scope } from '../scope.js';
import { openSockets } from './open-sockets.js';

/** One request in bytes. The body is everything after the head, with its transfer coding. */
export interface RawUpstreamRequest {
  readonly socket: tls.TLSSocket;
  /** How many requests this connection has carried, this one included. */
  readonly turn: number;
  /** Request line and headers with their final empty line, one character per byte. */
  readonly head: string;
  readonly method: string;
  readonly target: string;
  /** Every value of a header, in order; the name in any case. */
  values(name: string): string[];
  /** Grows until the body is complete. */
  body(): Buffer;
  /** Settles when the body is complete. */
  readonly complete: Promise<void>;
}

/** An API server of raw bytes: TLS with a required client certificate; the caller writes all HTTP itself. */
export interface RawUpstream {
  readonly port: number;
  /** The proxied requests so far, oldest first. */
  readonly requests: RawUpstreamRequest[];
  /** A kubeconfig that the server accepts; these fields take precedence. */
  writeKubeconfig(contents?: Partial<KubeconfigContents>): Promise<KubeconfigFile>;
  /** Resolves when a past or future request matches; rejects if none comes. */
  waitForRequest(matches: (request: RawUpstreamRequest) => boolean): Promise<RawUpstreamRequest>;
  close(): Promise<void>;
}

/** Answers one request by writing to its socket. Called as soon as the request's head has come. */
export type RawAnswer = (request: RawUpstreamRequest) => void;

/**
 * Starts a TLS server that splits what it receives into requests, and leaves all bytes of the answers to `answer`. The program's own
 * requests for discovery and version get a 404 with `Connection: close`, and are not recorded.
 */
export async function startRawUpstream(answer: RawAnswer): Promise<RawUpstream> {
  const { authority, serverCertificate, clientCertificate } = await sharedIdentity();
  const requests: RawUpstreamRequest[] = [];
  const arrivals = new EventEmitter().setMaxListeners(0);
  const server = tls.createServer({
    cert: serverCertificate.certificate,
    key: serverCertificate.key,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: true,
    allowHalfOpen: true,
  });
  const sockets = openSockets(server);
  server.on('secureConnection', socket => {
    socket.on('error', () => socket.destroy());
    readRequests(socket, request => {
      if (request.head.includes('\r\nUser-Agent: kube-api-proxy\r\n')) {
        socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}');
        return;
      }
      requests.push(request);
      arrivals.emit('request');
      answer(request);
    });
  });
  const port = await listen(server);
  return {
    port,
    requests,
    writeKubeconfig: (contents = {}) =>
      writeKubeconfig({
        server: `https://127.0.0.1:${port}`,
        ca: authority.certificate,
        ...clientCertificate,
        ...contents,
      }),
    async waitForRequest(matches) {
      const signal = AbortSignal.timeout(patience);
      for (;;) {
        const found = requests.find(matches);
        if (found !== undefined) return found;
        await once(arrivals, 'request', { signal }).catch(() => {
          throw new Error(`no matching request within ${patience} ms`);
        });
      }
    },
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

function readRequests(socket: tls.TLSSocket, onRequest: (request: RawUpstreamRequest) => void): void {
  let buffered: Buffer = Buffer.alloc(0);
  let current: { append(bytes: Buffer): Buffer | undefined } | undefined;
  let turn = 0;
  socket.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length > 0) {
      if (current !== undefined) {
        const rest = current.append(buffered);
        buffered = rest ?? Buffer.alloc(0);
        if (rest === undefined) return;
        current = undefined;
        continue;
      }
      const end = buffered.indexOf('\r\n\r\n');
      if (end === -1) return;
      const head = buffered.toString('latin1', 0, end + 4);
      buffered = buffered.subarray(end + 4);
      turn += 1;
      current = startRequest(socket, turn, head, onRequest);
    }
  });
}

function startRequest(
  socket: tls.TLSSocket,
  turn: number,
  head: string,
  onRequest: (request: RawUpstreamRequest) => void,
): { append(bytes: Buffer): Buffer | undefined } | undefined {
  const lines = head.split('\r\n');
  const [method = '', target = ''] = (lines[0] ?? '').split(' ');
  const values = (name: string) =>
    lines
      .slice(1)
      .filter(line => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
      .map(line => line.slice(name.length + 1).trim());
  const chunked = values('transfer-encoding').length > 0;
  const length = Number(values('content-length')[0] ?? 0);
  let received: Buffer = Buffer.alloc(0);
  let complete = () => {};
  const request: RawUpstreamRequest = {
    socket,
    turn,
    head,
    method,
    target,
    values,
    body: () => received,
    complete: new Promise(resolve => {
      complete = resolve;
    }),
  };
  const open = chunked || length > 0;
  if (!open) complete();
  onRequest(request);
  if (!open) return undefined;
  return {
    append(bytes) {
      const before = received.length;
      received = Buffer.concat([received, bytes]);
      const end = chunked ? endOfChunks(received) : length;
      if (end === undefined || received.length < end) return undefined;
      received = received.subarray(0, end);
      complete();
      return bytes.subarray(end - before);
    },
  };
}

/** The end of a chunked body. No chunk's data may contain the final empty chunk. */
function endOfChunks(bytes: Buffer): number | undefined {
  const last = bytes.indexOf('0\r\n\r\n');
  return last === -1 ? undefined : last + 5;
}

/** Starts the API server, and then the program in the test's own process. Both end with the scope, the program first. */
export async function startRawStack(
  scope: Scope,
  answer: RawAnswer,
): Promise<{ readonly upstream: RawUpstream; readonly proxy: RunningProgram }> {
  const upstream = await startRawUpstream(answer);
  const kubeconfig = await upstream.writeKubeconfig();
  let proxy: RunningProgram | undefined;
  scope.after(async () => {
    await proxy?.stop();
    await upstream.close();
  });
  proxy = await startInProcess(scope, [`--kubeconfig=${kubeconfig.path}`]);
  return { upstream, proxy };
}
