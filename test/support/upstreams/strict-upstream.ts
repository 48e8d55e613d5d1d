import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import tls from 'node:tls';
import { sharedIdentity } from '../certificates/certificates.js';
import { eventuallyPasses } from '../eventually.js';
import { type KubeconfigContents, writeKubeconfig } from '../proxy/kubeconfig-file.js';
import { type ProgramOf, type StackOptions, startStack } from '../proxy/stack.js';
import type { Scope } from '../scope.js';
import { openSockets } from './open-sockets.js';
import { StrictReader, type StrictRequest } from './strict-http.js';

/** A request that has arrived. */
export interface UpstreamRequest extends StrictRequest {
  readonly socket: net.Socket;
  /** How many requests this connection has carried, this one included. */
  readonly turn: number;
}

/** Answers a request by writing to its socket. */
export type StrictAnswer = (request: UpstreamRequest, socket: net.Socket) => void;

/** Options of a strict API server. */
interface StrictUpstreamOptions {
  /** Whether it answers when the head of a request has come, or, by default, its body too. */
  readonly when?: 'head' | 'complete';
  /** `http` by default. */
  readonly scheme?: 'http' | 'https';
}

/** An API server that parses strictly, and leaves all bytes of the answers to its caller. It can stop and start again. */
export type StrictUpstream = Awaited<ReturnType<typeof startStrictUpstream>>;

/** The program's own requests, discovery and version, get a 404 and are not recorded. */
export async function startStrictUpstream(
  answer: StrictAnswer,
  { when = 'complete', scheme = 'http' }: StrictUpstreamOptions = {},
) {
  const requests: UpstreamRequest[] = [];
  const violations: string[] = [];
  const sockets = new Set<net.Socket>();
  const { authority, serverCertificate, clientCertificate } = await sharedIdentity();
  const serve = (socket: net.Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    const isOwn = ({ values }: StrictRequest) => values('user-agent').includes('kube-api-proxy');
    const reader = new StrictReader({
      onHead(head) {
        if (isOwn(head)) return;
        const request = Object.assign(head, { socket, turn: reader.requests.length });
        requests.push(request);
        if (when === 'head') answer(request, socket);
      },
      onComplete(request) {
        if (isOwn(request))
          socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}');
        else if (when === 'complete') answer(request as UpstreamRequest, socket);
      },
    });
    socket.on('data', chunk => {
      reader.push(chunk.toString('latin1'));
      if (reader.violation === undefined) return;
      violations.push(reader.violation);
      socket.destroy();
    });
    // Destroyed without an error, so that the client sees the response as cut.
    socket.once('end', () => socket.end());
  };
  const options = { allowHalfOpen: true, noDelay: true };
  const { certificate: cert, key } = serverCertificate;
  const security = { cert, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: false };
  const server =
    scheme === 'http'
      ? net.createServer(options, serve)
      : tls.createServer({ ...options, ...security }, serve);
  const connections = openSockets(server);
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = `${scheme}://127.0.0.1:${port}`;
  return {
    ...{ url, port, authority, clientCertificate },
    /** The requests whose head has come, except the program's own. */
    requests,
    /** Received bytes that no strict parser accepts as a request. */
    violations,
    /** Open connections. */
    sockets: sockets as ReadonlySet<net.Socket>,
    /** A kubeconfig that the server accepts; these fields take precedence. */
    writeKubeconfig: (contents: Partial<KubeconfigContents> = {}) =>
      writeKubeconfig({ server: url, ca: authority.certificate, ...clientCertificate, ...contents }),
    /** Waits for a request that matches. */
    waitForRequest: (matches: (request: UpstreamRequest) => boolean): Promise<UpstreamRequest> =>
      eventuallyPasses(() => {
        const found = requests.find(matches);
        if (found === undefined) throw new Error('no request matches');
        return found;
      }),
    /** Stops listening and resets every connection. */
    async stop(): Promise<void> {
      if (!server.listening) return;
      server.close();
      for (const socket of sockets) reset(socket);
      for (const socket of connections) socket.destroy().unref();
      // It does not wait for `close`, because a socket whose TCP connection was reset below TLS does not always emit it.
      await setImmediate();
    },
    /** Listens again, on the same port. */
    restart: () => listen(port),
  };
}

/** A stack with a strict API server. */
export async function startStrictStack<O extends StackOptions & StrictUpstreamOptions>(
  scope: Scope,
  answer: StrictAnswer,
  options: O = {} as O,
): Promise<{
  readonly upstream: StrictUpstream;
  readonly proxy: ProgramOf<O>;
  /** PEM of the authority of the serving certificate, if the program serves TLS. */
  readonly ca: string;
}> {
  const upstream = await startStrictUpstream(answer, options);
  const stack = await startStack(scope, { ...options, server: upstream });
  scope.after(() => upstream.stop());
  return { ...stack, upstream } as never;
}

/** An answer of 200 with a length. */
export function ok(text: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
}

/**
 * Resets a connection, or the TCP connection below it if it has TLS. A connection that has already ended is only closed: libuv
 * rejects a reset while a shutdown is pending, and the handle would stay open forever.
 */
export function reset(socket: net.Socket): void {
  if (socket.writableEnded) {
    socket.destroy();
    return;
  }
  const { _parent: below } = socket as net.Socket & { readonly _parent?: net.Socket };
  (below ?? socket).resetAndDestroy();
  socket.destroy();
}
