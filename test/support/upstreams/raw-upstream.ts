import { EventEmitter, once } from 'node:events';
import tls from 'node:tls';
import { sharedIdentity } from '../certificates/certificates.js';
import { patience } from '../eventually.js';
import { listen } from '../ports.js';
import { type RunningProgram, startInProcess } from '../proxy/in-process.js';
import { type KubeconfigContents, type KubeconfigFile, writeKubeconfig } from '../proxy/kubeconfig-file.js';
import type { Scope } from '../scope.js';
import { openSockets } from './open-sockets.js';
import { StrictReader, valuesOf } from './strict-http.js';

/** One request in bytes. */
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
  /** The content, which grows until it is complete. */
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

/** Splits what comes into requests, as a strict parser does. What it cannot read ends the connection. */
function readRequests(socket: tls.TLSSocket, onRequest: (request: RawUpstreamRequest) => void): void {
  let turn = 0;
  let complete = () => {};
  const reader = new StrictReader({
    onHead(request) {
      turn += 1;
      const { head, method, target } = request;
      onRequest({
        ...{ socket, turn, head, method, target },
        values: name => valuesOf(request, name.toLowerCase()),
        body: () => Buffer.from(request.body, 'latin1'),
        complete: new Promise(resolve => {
          complete = resolve;
        }),
      });
    },
    onComplete: () => complete(),
  });
  socket.on('data', chunk => {
    reader.push(chunk.toString('latin1'));
    if (reader.violation !== undefined) socket.destroy(new Error(reader.violation));
  });
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
