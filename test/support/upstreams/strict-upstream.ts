import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import tls from 'node:tls';
import { createCertificateAuthority } from '../certificates/certificates.js';
import { createServingFiles } from '../certificates/serving-files.js';
import { type KubeconfigContents, type KubeconfigFile, writeKubeconfig } from '../proxy/kubeconfig-file.js';
import { type ProxyProcess, startProxy } from '../proxy/proxy.js';
import type { Scope } from '../scope.js';
import { StrictReader, type StrictRequest } from './strict-http.js';

/** An API server that parses strictly and answers as its caller decides. It can stop and start again. */
export interface StrictUpstream {
  readonly port: number;
  /** The requests whose head has come, except the program's own. */
  readonly requests: StrictRequest[];
  /** Received bytes that no strict parser accepts as a request. */
  readonly violations: string[];
  /** Open connections. */
  readonly sockets: ReadonlySet<net.Socket>;
  /** A kubeconfig with its address and authority; these fields take precedence. */
  writeKubeconfig(contents?: Partial<KubeconfigContents>): Promise<KubeconfigFile>;
  /** Stops listening and resets every connection. */
  stop(): Promise<void>;
  /** Listens again, on the same port. */
  restart(): Promise<void>;
}

/** Answers a request, as soon as its head has come, or once its body is complete. */
export type StrictAnswer = (request: StrictRequest, socket: net.Socket) => void;

/** Options of a strict API server. */
interface StrictUpstreamOptions {
  /** Whether it answers when the head of a request has come, or, by default, its body too. */
  readonly when?: 'head' | 'complete';
  /** `http` by default. */
  readonly scheme?: 'http' | 'https';
}

/** The program's own requests, discovery and version, get a 404 and are not recorded. */
export async function startStrictUpstream(
  answer: StrictAnswer,
  { when = 'complete', scheme = 'http' }: StrictUpstreamOptions = {},
): Promise<StrictUpstream> {
  const requests: StrictRequest[] = [];
  const violations: string[] = [];
  const sockets = new Set<net.Socket>();
  const connections = new Set<net.Socket>();
  const authority = scheme === 'https' ? await createCertificateAuthority() : undefined;
  const serve = (socket: net.Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    const own = ({ fields }: StrictRequest) =>
      fields.some(([name, value]) => name === 'user-agent' && value === 'kube-api-proxy');
    const onHead = (request: StrictRequest) => {
      if (own(request)) return;
      requests.push(request);
      if (when === 'head') answer(request, socket);
    };
    const onComplete = (request: StrictRequest) => {
      if (own(request)) socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}');
      else if (when === 'complete') answer(request, socket);
    };
    const reader = new StrictReader({ onHead, onComplete });
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
  let server: net.Server;
  if (authority === undefined) server = net.createServer(options, serve);
  else {
    const { certificate: cert, key } = await authority.server();
    server = tls.createServer({ ...options, cert, key }, serve);
  }
  server.on('connection', (socket: net.Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket)).on('error', () => socket.destroy());
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    requests,
    violations,
    sockets,
    writeKubeconfig: (contents = {}) =>
      writeKubeconfig({
        server: `${scheme}://127.0.0.1:${port}`,
        ...(authority === undefined ? {} : { ca: authority.certificate }),
        ...contents,
      }),
    stop: async () => {
      if (!server.listening) return;
      server.close();
      for (const socket of sockets) reset(socket);
      for (const socket of connections) socket.destroy().unref();
      // It does not wait for `close`, because a socket whose TCP connection was reset below TLS does not always emit it.
      await setImmediate();
    },
    restart: () => listen(port),
  };
}

/** Options of a stack with a strict API server. */
interface StrictStackOptions extends StrictUpstreamOptions {
  /** The program's flags besides --kubeconfig. */
  readonly flags?: readonly string[];
  /** More environment variables for the program. */
  readonly env?: Readonly<Record<string, string>>;
  /** The token of the kubeconfig's user, which has no credentials by default. */
  readonly token?: string;
  /** Whether the program serves TLS. */
  readonly tls?: boolean;
}

/** The built program with a strict API server. */
interface StrictStack {
  readonly upstream: StrictUpstream;
  readonly proxy: ProxyProcess;
}

/** Starts the API server, and then the program. Both end with the scope, the program first. If it serves TLS, clients need `ca`. */
export async function startStrictStack<O extends StrictStackOptions>(
  scope: Scope,
  answer: StrictAnswer,
  options: O = {} as O,
): Promise<StrictStack & (O extends { readonly tls: true } ? { readonly ca: string } : unknown)> {
  const { flags = [], env, token, tls = false, ...upstreamOptions }: StrictStackOptions = options;
  const upstream = await startStrictUpstream(answer, upstreamOptions);
  const kubeconfig = await upstream.writeKubeconfig(token === undefined ? {} : { token });
  const files = tls ? await createServingFiles() : undefined;
  let proxy: ProxyProcess | undefined;
  scope.after(async () => {
    await proxy?.stop('SIGKILL');
    await upstream.stop();
  });
  proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`, ...(files?.flags ?? []), ...flags], env);
  return { upstream, proxy, ca: files?.authority.certificate } as never;
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
