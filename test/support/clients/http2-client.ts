import { once } from 'node:events';
import http2, {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

/** Whether this version of Node.js shows a server all fields over HTTP/2. If not, the program turns HTTP/2 off with --allow-impersonation. */
export const seesEveryField = major > 24 || (major === 24 && minor >= 2) || (major === 22 && minor >= 17);

type AnswerHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

/** An answer over HTTP/2 with its body read to the end, or to the reset. */
export type Http2Answer = Awaited<ReturnType<typeof ask>>;

/** A request to send. */
export interface Http2Question {
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
  /** Called with each piece of the answer's body. */
  readonly onData?: (chunk: Buffer) => void;
}

/** Opens an HTTP/2 connection to a port of 127.0.0.1, and trusts this authority (PEM). */
export async function connectHttp2(
  port: number,
  ca: string,
  options: ClientSessionOptions & SecureClientSessionOptions = {},
): Promise<ClientHttp2Session> {
  const session = http2.connect(`https://127.0.0.1:${port}`, { ca, ...options });
  session.on('error', () => {});
  await once(session, 'connect');
  return session;
}

/** Opens a stream. Its errors appear only as its end. */
export function openStream(
  session: ClientHttp2Session,
  path: string,
  headers: OutgoingHttpHeaders = {},
  endStream = true,
): ClientHttp2Stream {
  const stream = session.request({ ':path': path, ...headers }, { endStream });
  stream.on('error', () => {});
  return stream;
}

/** The head of an answer. */
export async function headOf(stream: ClientHttp2Stream): Promise<AnswerHeaders> {
  const [headers] = (await once(stream, 'response')) as [AnswerHeaders];
  return headers;
}

/** Sends one request and reads its whole answer. */
export async function ask(
  session: ClientHttp2Session,
  path: string,
  { headers = {}, body, onData }: Http2Question = {},
) {
  const stream = openStream(session, path, headers, body === undefined);
  if (body !== undefined) stream.end(body);
  let head: AnswerHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  stream.on('response', got => {
    head = got;
  });
  stream.on('trailers', got => {
    trailers = got;
  });
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    onData?.(chunk);
  });
  await new Promise<void>(resolve => stream.once('close', resolve));
  const text = Buffer.concat(chunks).toString();
  return {
    ...{ status: head[':status'] ?? 0, headers: head, text, trailers },
    get json(): unknown {
      return JSON.parse(text);
    },
    /** Code of the RST_STREAM; 0 means none. */
    rstCode: stream.rstCode ?? 0,
  };
}
