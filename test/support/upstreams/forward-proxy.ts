import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type Socket } from 'node:net';
import type { CertificatePair } from '../certificates/certificates.js';
import { eventually } from '../eventually.js';
import { listen } from '../ports.js';
import { openSockets } from './open-sockets.js';

/** One tunnel that a client has requested. */
interface TunnelRequest {
  /** `host:port` as the client sent it. */
  readonly target: string;
  /** Header fields of a CONNECT, lower-case names; none for SOCKS5. */
  readonly headers: http.IncomingHttpHeaders;
  /** The user name and password that the client sent; undefined if it sent none. */
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
}

/** A forward proxy on 127.0.0.1. */
export type ForwardProxy = Awaited<ReturnType<typeof listening>>;

/** What a forward proxy does besides connecting. */
export interface ForwardProxyOptions {
  /** Required from every client; otherwise it answers 407 (or SOCKS5's refusal). */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Handles a tunnel's request in place of the proxy, once the request has been read. */
  readonly answer?: (client: Socket, target: string) => void;
}

/** An HTTP proxy that knows only CONNECT; https:// if it has a certificate. */
export async function startConnectProxy(
  options: ForwardProxyOptions & { readonly certificate?: CertificatePair } = {},
): Promise<ForwardProxy> {
  const requests: TunnelRequest[] = [];
  const { certificate, credentials: wanted } = options;
  const server =
    certificate === undefined
      ? http.createServer()
      : createHalfOpenServer({ cert: certificate.certificate, key: certificate.key });
  server.on('connect', (request: http.IncomingMessage, client: Socket, head: Buffer) => {
    const target = request.url ?? '';
    const credentials = readBasic(request.headers['proxy-authorization']);
    requests.push({ target, headers: request.headers, credentials });
    client.on('error', () => client.destroy());
    if (options.answer !== undefined) {
      options.answer(untilItEnds(client), target);
    } else if (wanted !== undefined && !isSame(credentials, wanted)) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n');
    } else {
      if (head.length > 0) client.unshift(head);
      splice(client, target, connected);
    }
  });
  return listening(server, requests);
}

/** A CONNECT proxy for names that do not exist: every name leads to this port on this machine. */
export function startNamingProxy(port: number): Promise<ForwardProxy> {
  return startConnectProxy({ answer: client => splice(client, `127.0.0.1:${port}`, connected) });
}

const connected = {
  yes: 'HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n',
  no: 'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n',
};

/** A SOCKS5 proxy (RFC 1928, RFC 1929) that knows only CONNECT. */
export async function startSocksProxy(options: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const requests: TunnelRequest[] = [];
  const { credentials: wanted } = options;
  const server = net.createServer({ allowHalfOpen: true }, client => {
    const leave = () => client.end();
    client.on('error', () => client.destroy()).once('end', leave);
    void (async () => {
      const read = (length: number) => readFrom(client, length);
      const [, methodCount = 0] = await read(2);
      const methods = await read(methodCount);
      const method = wanted === undefined ? 0 : 2;
      if (!methods.includes(method)) {
        client.end(Buffer.from([5, 0xff]));
        return;
      }
      client.write(Buffer.from([5, method]));
      let credentials: TunnelRequest['credentials'];
      if (method === 2) {
        const username = (await read((await read(2))[1] ?? 0)).toString();
        const password = (await read((await read(1))[0] ?? 0)).toString();
        credentials = { username, password };
        const isRight = isSame(credentials, wanted);
        client.write(Buffer.from([1, isRight ? 0 : 1]));
        if (!isRight) {
          client.resume();
          return;
        }
      }
      const target = await readTarget(read);
      requests.push({ target, headers: {}, credentials });
      client.off('end', leave);
      const [yes, no] = [0, 5].map(code => Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0])) as [
        Buffer,
        Buffer,
      ];
      if (options.answer === undefined) splice(client, target, { yes, no });
      else options.answer(untilItEnds(client), target);
    })().catch(() => client.destroy());
  });
  return listening(server, requests);
}

/**
 * An https server that accepts half-open connections only after their handshake: a socket whose client leaves during the handshake closes.
 * Otherwise it would stay open until the time limit, and a short limit would close good connections on a busy machine.
 */
export function createHalfOpenServer(options: https.ServerOptions): https.Server {
  return https.createServer(options).prependListener('secureConnection', socket => {
    socket.allowHalfOpen = true;
  });
}

async function listening(server: net.Server | https.Server, requests: TunnelRequest[]) {
  const sockets = openSockets(server);
  return {
    port: await listen(server),
    /** The requested tunnels so far, oldest first. */
    requests,
    /** Waits until no client has a connection to the proxy. */
    untilUnused: () => eventually('the proxy has no open connection', () => sockets.size === 0),
    /** Closes all TCP connections from clients, as a proxy that crashes does. */
    dropConnections(): void {
      for (const socket of sockets) socket.destroy();
    },
    /** Writes bytes that are neither a TLS record nor HTTP to all TCP connections from clients. */
    corruptConnections(): void {
      for (const socket of sockets) socket.write('\0'.repeat(100));
    },
    async close(): Promise<void> {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** Continues to read, and closes when the client does: a socket that is not read does not see the end. */
function untilItEnds(client: Socket): Socket {
  return client.resume().once('end', () => client.end());
}

/** Connects to the target, answers with success or failure, and forwards in both directions, even half-closed streams. */
function splice(
  client: Socket,
  target: string,
  { yes, no }: { readonly yes: string | Buffer; readonly no: string | Buffer },
): void {
  const { hostname, port } = new URL(`http://${target}`);
  const upstream = net.connect({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port),
    allowHalfOpen: true,
  });
  let connected = false;
  upstream.once('connect', () => {
    connected = true;
    client.write(yes);
    client.pipe(upstream).pipe(client);
  });
  upstream.on('error', () => {
    if (connected) client.destroy();
    else client.end(no);
  });
  upstream.once('close', () => client.destroySoon());
  client.once('close', () => upstream.destroy());
}

/** The next bytes of a socket. It never resolves if they do not come. */
async function readFrom(socket: Socket, length: number): Promise<Buffer> {
  if (length === 0) return Buffer.of();
  for (;;) {
    const bytes = socket.read(length) as Buffer | null;
    if (bytes !== null) return bytes;
    await once(socket, 'readable');
  }
}

async function readTarget(read: (length: number) => Promise<Buffer>): Promise<string> {
  const type = (await read(4))[3];
  let host: string;
  if (type === 1) host = [...(await read(4))].join('.');
  else if (type === 4) host = `[${(await read(16)).toString('hex').replace(/(.{4})(?=.)/g, '$1:')}]`;
  else host = (await read((await read(1))[0] ?? 0)).toString();
  return `${host}:${(await read(2)).readUInt16BE()}`;
}

function readBasic(header: string | undefined): TunnelRequest['credentials'] {
  if (header === undefined) return undefined;
  const [, username = '', password = ''] =
    /^([^:]*):(.*)$/s.exec(Buffer.from(header.replace(/^Basic /, ''), 'base64').toString()) ?? [];
  return { username, password };
}

function isSame(one: TunnelRequest['credentials'], other: TunnelRequest['credentials']): boolean {
  return one?.username === other?.username && one?.password === other?.password;
}
