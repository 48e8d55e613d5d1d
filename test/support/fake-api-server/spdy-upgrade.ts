import { once } from 'node:events';
import { type Exchange, sendText } from './exchange.js';
import {
  type CommandStatus,
  type RemoteCommandOptions,
  type RemoteStreams,
  TerminalSizes,
} from './remote-streams.js';
import { SpdyConnection, type SpdyStream } from './spdy-connection.js';

const protocolHeader = 'X-Stream-Protocol-Version';

/** The subprotocol of exec and attach over SPDY; a Status on its error stream ends it. */
export const spdyCommandProtocol = 'v4.channel.k8s.io';

/**
 * Answers 101 with the protocol, and speaks SPDY from then on. A client that does not offer it gets a 403 like the kubelet's.
 */
export function acceptSpdy(
  exchange: Exchange,
  upgrade: NonNullable<Exchange['upgrade']>,
  protocol: string,
): SpdyConnection | undefined {
  const { request, response } = exchange;
  const offered = (request.headers[protocolHeader.toLowerCase()] ?? '').toString();
  if (!offered.split(/, */).includes(protocol)) {
    response.setHeader('X-Accepted-Stream-Protocol-Versions', protocol);
    sendText(
      exchange,
      403,
      `unable to upgrade: unable to negotiate protocol: client supports [${offered}], server accepts [${protocol}]\n`,
    );
    return undefined;
  }
  response.detachSocket(request.socket);
  upgrade.socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n${protocolHeader}: ${protocol}\r\n\r\n`,
  );
  return new SpdyConnection(upgrade.socket, upgrade.head);
}

function write(stream: SpdyStream | undefined, data: Buffer): Promise<void> {
  if (!stream) return Promise.resolve();
  return new Promise((resolve, reject) => stream.write(data, error => (error ? reject(error) : resolve())));
}

async function finish(stream: SpdyStream | undefined): Promise<void> {
  if (!stream || stream.destroyed) return;
  stream.end();
  if (!stream.writableFinished) await Promise.race([once(stream, 'finish'), once(stream, 'close')]);
}

/** Waits until the client has opened every stream that its query names, and then reads and writes them. */
export async function spdyStreams(
  connection: SpdyConnection,
  options: RemoteCommandOptions,
): Promise<RemoteStreams> {
  const { stdin, stdout, tty } = options;
  const wanted = new Set(['error']);
  if (stdin) wanted.add('stdin');
  if (stdout) wanted.add('stdout');
  if (options.stderr && !tty) wanted.add('stderr');
  if (tty) wanted.add('resize');
  const streams = new Map<string, SpdyStream>();
  const gone = new AbortController();
  connection.once('close', () => gone.abort());
  await new Promise<void>(resolve => {
    connection.on('stream', stream => {
      streams.set(stream.header('streamtype'), stream);
      if ([...wanted].every(name => streams.has(name))) resolve();
    });
    connection.once('close', resolve);
  });
  const terminalSize = new TerminalSizes();
  streams.get('resize')?.on('data', (data: Buffer) => terminalSize.receive(data.toString()));
  for (const name of ['stdout', 'stderr', 'error']) streams.get(name)?.resume();
  return {
    stdin: readable(streams.get('stdin')),
    terminalSize,
    signal: gone.signal,
    writeStdout: data => write(streams.get('stdout'), data),
    writeStderr: data => write(streams.get('stderr'), data),
    finish: async (status: CommandStatus) => {
      const error = streams.get('error');
      await write(error, Buffer.from(JSON.stringify(status)));
      for (const stream of streams.values()) {
        // Input that the command did not read would block everything after it.
        stream.resume();
        await finish(stream);
      }
      connection.end();
    },
  };
}

async function* readable(stream: SpdyStream | undefined): AsyncGenerator<Buffer> {
  if (!stream) return;
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
  } catch {
    // The process sees a reset stream as a closed standard input.
  }
}
