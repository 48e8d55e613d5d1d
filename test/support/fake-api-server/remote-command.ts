import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import type { Exchange } from './exchange.js';
import { isRecord, type KubeObject } from './objects.js';
import type { PodProcess } from './pod-commands.js';
import { runCommand } from './pod-shell.js';
import {
  type CommandStatus,
  exitStatus,
  type RemoteCommandOptions,
  type RemoteStreams,
} from './remote-streams.js';
import { isTrue } from './request-attributes.js';
import { acceptSpdy, spdyCommandProtocol, spdyStreams } from './spdy-upgrade.js';
import { badRequest } from './status-failure.js';
import { acceptWebSocket, remoteCommandProtocol, websocketStreams } from './websocket-channels.js';
import { findObject } from './write.js';

/**
 * The minimum time in milliseconds that a container runtime needs to start a process. kubectl loses bytes that come before it has created its streams: "Unknown
 * stream id 1, discarding message" (client-go `tools/remotecommand/websocket.go`).
 */
const startTime = 50;

function readOptions(exchange: Exchange, pod: KubeObject): RemoteCommandOptions {
  const { query, attributes } = exchange;
  const flag = (name: string) => isTrue(query.get(name));
  const options = {
    command: query.getAll('command'),
    stdin: flag('stdin'),
    stdout: flag('stdout'),
    stderr: flag('stderr'),
    tty: flag('tty'),
  };
  if (!options.stdin && !options.stdout && !options.stderr) {
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  }
  if (attributes.subresource === 'exec' && options.command.length === 0) {
    throw badRequest('you must specify at least one command for the container');
  }
  checkContainer(pod, query.get('container') ?? '');
  return options;
}

function checkContainer(pod: KubeObject, name: string): void {
  const spec = isRecord(pod['spec']) ? pod['spec'] : {};
  const containers = Array.isArray(spec['containers']) ? spec['containers'].filter(isRecord) : [];
  if (name === '' || containers.some(container => container['name'] === name)) return;
  throw badRequest(`container ${name} is not valid for pod ${pod.metadata.name}`);
}

/** A request for exec, attach or portforward without a known Upgrade gets the recorded 400. */
export function requireUpgrade(exchange: Exchange): {
  upgrade: NonNullable<Exchange['upgrade']>;
  protocol: 'websocket' | 'spdy/3.1';
} {
  const { upgrade, request } = exchange;
  const protocol = request.headers.upgrade?.toLowerCase();
  if (upgrade && (protocol === 'websocket' || protocol === 'spdy/3.1')) return { upgrade, protocol };
  throw badRequest('Upgrade request required');
}

async function openStreams(
  exchange: Exchange,
  options: RemoteCommandOptions,
): Promise<RemoteStreams | undefined> {
  const { upgrade, protocol } = requireUpgrade(exchange);
  if (protocol === 'websocket') {
    const socket = await acceptWebSocket(exchange, upgrade, [remoteCommandProtocol]);
    if (!socket) throw badRequest('no subprotocol that the client offers is known here');
    return websocketStreams(socket, options);
  }
  const connection = acceptSpdy(exchange, upgrade, spdyCommandProtocol);
  return connection && spdyStreams(connection, options);
}

/** Acts like a container that echoes its standard input and writes its log to standard output. */
async function attach(
  cluster: Cluster,
  uid: string,
  process: PodProcess,
  options: RemoteCommandOptions,
): Promise<void> {
  const unfollow = cluster.pods.follow(uid, ({ text: line }) => {
    process.out(`${line}\n`).catch(() => {});
  });
  try {
    if (options.stdin) for await (const chunk of process.stdin) await process.out(chunk);
    else if (!process.signal.aborted) await once(process.signal, 'abort');
  } finally {
    unfollow();
  }
}

async function runSession(
  cluster: Cluster,
  uid: string,
  options: RemoteCommandOptions,
  streams: RemoteStreams,
  exec: boolean,
): Promise<CommandStatus> {
  const out = (data: string | Buffer) =>
    options.stdout ? streams.writeStdout(Buffer.from(data)) : Promise.resolve();
  const err = (data: string | Buffer) =>
    options.stderr ? streams.writeStderr(Buffer.from(data)) : Promise.resolve();
  const process: PodProcess = {
    stdin: options.stdin ? streams.stdin : (async function* () {})(),
    out,
    err: options.tty ? out : err,
    files: cluster.pods.files(uid),
    tty: options.tty,
    terminalSize: () => streams.terminalSize.get(),
    signal: streams.signal,
  };
  if (exec) return exitStatus(await runCommand(options.command, process));
  await attach(cluster, uid, process, options);
  return exitStatus(0);
}

/** Answers pods/exec and pods/attach over WebSocket or SPDY. All checks come before the 101. */
export async function serveRemoteCommand(
  cluster: Cluster,
  type: ResourceType,
  exchange: Exchange,
): Promise<void> {
  const pod = findObject(cluster, type, exchange);
  const options = readOptions(exchange, pod);
  const streams = await openStreams(exchange, options);
  if (!streams) return;
  await sleep(startTime);
  const exec = exchange.attributes.subresource === 'exec';
  try {
    await streams.finish(await runSession(cluster, pod.metadata.uid ?? '', options, streams, exec));
  } catch (error) {
    if (streams.signal.aborted) return;
    const message = `error executing command in container: ${String(error)}`;
    const status: CommandStatus = { metadata: {}, status: 'Failure', message, reason: 'InternalError' };
    await streams.finish(status).catch(() => {});
  }
}
