import { type ChildProcessWithoutNullStreams, exec, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Duplex, PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { KubeObject } from '../../fake-api-server/objects.js';
import { startTime } from '../../fake-api-server/pod-streams.js';
import { temporaryFolder } from '../../temporary-folder.js';
import { SpdyConnection, type SpdyStream } from './spdy-connection.js';

/** A request of the API server to exec, attach or forward ports. */
export interface StreamCall {
  readonly kind: string;
  readonly pod: KubeObject;
  readonly query: URLSearchParams;
  /** The protocols that the API server offers for the streams. */
  readonly offered: readonly string[];
}

/** A pod's annotation `port-forward.test/PORT: "N"` leads connections to that port to 127.0.0.1:N; other ports echo. */
const annotationPrefix = 'port-forward.test/';

type Streams = ReadonlyMap<string, SpdyStream>;

/** The containers of a node. They have no programs or files of their own: what an exec runs is a process of this machine in a new folder. */
export class Containers {
  readonly #folder = temporaryFolder();
  readonly #output = new EventEmitter().setMaxListeners(0);

  /** Writes a line to the standard output of a Pod's process, for those who are attached to it. */
  print({ uid = '' }: KubeObject['metadata'], line: string): void {
    this.#output.emit(uid, `${line}\n`);
  }

  /** Accepts the upgrade, and serves its streams. Another program than kubectl may offer no protocol for them. */
  serve({ kind, pod, query, offered }: StreamCall, socket: Duplex, head: Buffer): void {
    const protocol = kind === 'portForward' ? 'portforward.k8s.io' : 'v4.channel.k8s.io';
    if (!offered.includes(protocol)) {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const head101 = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n';
    socket.write(`${head101}X-Stream-Protocol-Version: ${protocol}\r\n\r\n`);
    const connection = new SpdyConnection(socket, head);
    if (kind === 'portForward') forwardPorts(pod, connection);
    else void this.#command(kind === 'exec' ? query.getAll('command') : undefined, pod, query, connection);
  }

  /** Runs a command, or attaches to the process that echoes if there is none, until it or the connection ends. */
  async #command(
    command: readonly string[] | undefined,
    pod: KubeObject,
    query: URLSearchParams,
    connection: SpdyConnection,
  ): Promise<void> {
    const gone = new AbortController();
    connection.once('close', () => gone.abort());
    try {
      const streams = await openedStreams(connection, query);
      await delay(startTime);
      if (gone.signal.aborted) return;
      const code = command
        ? await this.#run(command, streams, gone.signal)
        : await this.#attach(pod, streams, gone.signal);
      const error = streams.get('error');
      error?.write(JSON.stringify(exitStatus(code)));
      for (const stream of streams.values()) await finish(stream);
      connection.end();
    } catch {
      // A stream has ended early: the client has gone.
      connection.end();
    }
  }

  async #run(command: readonly string[], streams: Streams, signal: AbortSignal): Promise<number> {
    const child = streams.has('resize')
      ? await this.#startInTerminal(command, streams.get('resize') as SpdyStream)
      : start(command, this.#folder);
    signal.addEventListener('abort', () => killGroup(child));
    streams.get('stdin')?.pipe(child.stdin);
    if (!streams.has('stdin')) child.stdin.end();
    child.stdin.on('error', () => {});
    const copied = (['stdout', 'stderr'] as const).map(name =>
      pipeline(child[name], streams.get(name) ?? new PassThrough().resume()),
    );
    // It rejects if there is no such program.
    const closed = once(child, 'close').catch(() => [127]) as Promise<[number | null]>;
    const [[code]] = await Promise.all([closed, ...copied]);
    return code ?? 137;
  }

  /** The command `script` gives a process a terminal. Its size is that which the client sends. */
  async #startInTerminal(command: readonly string[], resize: SpdyStream) {
    const path = join(temporaryFolder(), 'tty');
    const sizes = createInterface({ input: resize });
    // It repeats the errors of its input: the client may have gone.
    sizes.on('error', () => {});
    const [first] = (await once(sizes, 'line')) as [string];
    const line = `stty ${sttyArguments(first)}; tty > ${path}; exec ${command.join(' ')}`;
    const isThere = `until [ -s ${path} ]; do sleep 0.01; done`;
    // One after the other: kubectl sends two at its start.
    let before: Promise<unknown> = Promise.resolve();
    const setSize = (size: string) =>
      promisify(exec)(`${isThere}; stty -F $(cat ${path}) ${sttyArguments(size)}`).catch(() => {});
    sizes.on('line', size => {
      before = before.then(() => setSize(size));
    });
    return start(['script', '-qefc', line, '/dev/null'], this.#folder);
  }

  async #attach(pod: KubeObject, streams: Streams, signal: AbortSignal): Promise<number> {
    const stdout = streams.get('stdout');
    const print = (text: string) => void stdout?.write(text);
    const { uid = '' } = pod.metadata;
    this.#output.on(uid, print);
    try {
      const stdin = streams.get('stdin');
      if (stdin === undefined) await once(signal, 'abort');
      else for await (const chunk of stdin) print(chunk);
    } finally {
      this.#output.off(uid, print);
    }
    return 0;
  }
}

function sttyArguments(size: string): string {
  const { Height, Width } = JSON.parse(size) as { Height: number; Width: number };
  return `rows ${Height} cols ${Width}`;
}

/** A process group of its own, so that it ends with all that it has started. */
function start([program = '', ...args]: readonly string[], cwd: string): ChildProcessWithoutNullStreams {
  return spawn(program, args, { cwd, detached: true, env: { ...process.env, TERM: 'xterm' } });
}

function killGroup({ pid, exitCode, signalCode }: ChildProcessWithoutNullStreams): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
}

/** Waits until the client has opened each stream that its query names. */
async function openedStreams(connection: SpdyConnection, query: URLSearchParams): Promise<Streams> {
  const tty = query.get('tty') === '1';
  const wanted = ['error', ...(tty ? ['resize'] : [])];
  for (const [parameter, name] of Object.entries({ input: 'stdin', output: 'stdout', error: 'stderr' })) {
    if (query.get(parameter) === '1' && !(tty && name === 'stderr')) wanted.push(name);
  }
  const streams = new Map<string, SpdyStream>();
  await new Promise<void>(resolve => {
    connection.on('stream', stream => {
      streams.set(stream.header('streamtype'), stream);
      if (wanted.every(name => streams.has(name))) resolve();
    });
    connection.once('close', resolve);
  });
  return streams;
}

/** Ends a stream. Input that nobody has read would block all others. */
async function finish(stream: SpdyStream): Promise<void> {
  stream.resume();
  if (stream.destroyed) return;
  stream.end();
  if (!stream.writableFinished) await Promise.race([once(stream, 'finish'), once(stream, 'close')]);
}

/** The `Status` that ends a command, from which kubectl takes its own exit code. */
function exitStatus(code: number): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  const message = `command terminated with non-zero exit code: exit status ${code}`;
  const details = { causes: [{ reason: 'ExitCode', message: String(code) }] };
  return { metadata: {}, status: 'Failure', message, reason: 'NonZeroExitCode', details };
}

/** Serves the pairs of an error and a data stream that a client opens, matched by their requestid header. */
function forwardPorts(pod: KubeObject, connection: SpdyConnection): void {
  const waiting = new Map<string, SpdyStream>();
  connection.on('stream', stream => {
    const id = stream.header('requestid');
    const other = waiting.get(id);
    if (other === undefined) {
      waiting.set(id, stream);
      return;
    }
    waiting.delete(id);
    const [data, error] = stream.header('streamtype') === 'data' ? [stream, other] : [other, stream];
    error.resume();
    const port = pod.metadata.annotations?.[`${annotationPrefix}${data.header('port')}`];
    const target =
      port === undefined
        ? new PassThrough()
        : connect({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true });
    pipeline(data, target, data)
      .catch(failure => error.write(`error forwarding to ${pod.metadata.name}: ${failure}`))
      .finally(() => error.end());
  });
}
