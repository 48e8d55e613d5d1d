import { lstat, stat, unlink } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { dirname } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { isEncrypted } from '../options/facts.js';
import type { Options } from '../options/table.js';

/** The address of the listener, `host:port` as bound or the socket's path; or why it cannot listen. */
export type Listening = { readonly address: string } | { readonly problem: string };

/** Bytes that fit into a `sockaddr_un` before its final zero (unix(7)). The system cuts a longer path short without an error. */
const longestSocketPath = 107;

/** Listens as --address and --port, or --unix-socket, say. From the first moment, only its owner can use a Unix socket. */
export async function listen(app: FastifyInstance, options: Options): Promise<Listening> {
  const { unixSocket, address, port } = options;
  try {
    if (unixSocket === '') {
      await app.listen({ host: address, port });
      return { address: addressOf(app) };
    }
    if (Buffer.byteLength(unixSocket) > longestSocketPath) {
      return { problem: `--unix-socket: ${unixSocket} is longer than ${longestSocketPath} bytes` };
    }
    await removeStaleSocket(unixSocket);
    const before = process.umask(0o177);
    await app.listen({ path: unixSocket }).finally(() => process.umask(before));
    return { address: unixSocket };
  } catch (error) {
    const folder = unixSocket === '' ? undefined : await folderProblem(unixSocket);
    return { problem: folder ?? listeningProblem(error as NodeJS.ErrnoException, options) };
  }
}

/** What is wrong with the folder of a socket. Node says EACCES if there is none. */
async function folderProblem(unixSocket: string): Promise<string | undefined> {
  const folder = dirname(unixSocket);
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => error.code);
  const isMissing =
    found === 'ENOENT' || found === 'ENOTDIR' || (typeof found === 'object' && !found.isDirectory());
  return isMissing ? `--unix-socket: ${unixSocket} cannot be made: there is no folder ${folder}` : undefined;
}

/** The URL of the proxy for a browser on this machine, without a final slash; undefined if there is none. */
export function urlForBrowser(address: string, options: Options): string | undefined {
  const { publicUrl, unixSocket } = options;
  if (unixSocket !== '' && publicUrl === '') return undefined;
  const scheme = isEncrypted(options) ? 'https' : 'http';
  // A browser cannot open the address of all interfaces, and --accept-hosts accepts localhost by default.
  const host = address.replace(/^(?:0\.0\.0\.0|\[::\])(?=:)/, 'localhost');
  return publicUrl || `${scheme}://${host}`;
}

/** Listens as --admin-address and --admin-port say; undefined if there is no admin listener. */
export async function listenForAdmin(
  admin: FastifyInstance | undefined,
  { adminAddress: host, adminPort: port = 0 }: Options,
): Promise<Listening | undefined> {
  if (admin === undefined) return undefined;
  try {
    await admin.listen({ host, port });
    return { address: addressOf(admin) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'EADDRINUSE' ? 'is already in use' : `cannot be used: ${message}`;
    return { problem: `--admin-port: ${host}:${port} ${reason}` };
  }
}

/** Where a server listens now: none before it does, nor for a Unix socket. */
export function addressesOf({ server }: FastifyInstance): readonly AddressInfo[] {
  const address = server.address();
  return address === null || typeof address === 'string' ? [] : [address];
}

/** `host:port` of a listener, with an IPv6 address in brackets. */
function addressOf({ server }: FastifyInstance): string {
  const { family, address, port } = server.address() as AddressInfo;
  return `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

/** Describes a failure to listen, and names the flag to change. */
function listeningProblem({ code, message }: NodeJS.ErrnoException, options: Options): string {
  const { unixSocket, address, port } = options;
  const inUse = code === 'EADDRINUSE';
  if (unixSocket !== '') {
    return `--unix-socket: ${unixSocket} ${inUse ? 'is already in use' : `cannot be used: ${message}`}`;
  }
  if (inUse) return `--port: ${port} is already in use on ${address}`;
  if (code === 'EACCES') return `--port: ${port} needs a privilege that this user does not have`;
  const notHere = ['EADDRNOTAVAIL', 'EINVAL', 'ENOTFOUND', 'EAI_AGAIN'].includes(code ?? '');
  return `--address: ${address} ${notHere ? 'is not an address of this machine' : `cannot be used: ${message}`}`;
}

/**
 * Removes a socket that is left from an earlier run. Any other file stays, as does a socket on which a process listens; then listening
 * fails.
 */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() && !(await isListenedOn(path))) await unlink(path);
}

function isListenedOn(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
