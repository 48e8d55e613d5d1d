import assert from 'node:assert/strict';
import { connectRaw } from '../support/clients/raw-http.js';
import type { FakeApiServer, RequestRecord } from '../support/fake-api-server/fake-api-server.js';

/** The header lines that make a request a plain one, or ask for one of the two upgrades that kubectl uses. */
export const legs = {
  plain: ['Connection: close'],
  websocket: [
    ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
    ...['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol: v5.channel.k8s.io'],
  ],
  spdy: ['Connection: upgrade', 'Upgrade: SPDY/3.1', 'X-Stream-Protocol-Version: v4.channel.k8s.io'],
} as const;

export type Leg = keyof typeof legs;

/** A request as it is written; by default a normal GET to this machine. */
export interface AttackRequest {
  readonly leg?: Leg;
  readonly method?: string;
  readonly target: string;
  /** Header lines instead of `Host: 127.0.0.1`. */
  readonly host?: readonly string[];
  readonly headers?: readonly string[];
  /** Bytes after the head in the same packet. */
  readonly rest?: string;
  readonly version?: string;
}

/** The first answer on a connection. */
export interface Answer {
  readonly code: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** Everything received, one character per byte. */
  readonly raw: string;
}

/** The bytes of a request; each character is one byte. */
export function toBytes(request: AttackRequest): Buffer {
  const { leg = 'plain', method = 'GET', target, headers = [], rest = '', version = '1.1' } = request;
  const lines = [
    `${method} ${target} HTTP/${version}`,
    ...(request.host ?? ['Host: 127.0.0.1']),
    ...headers,
    ...legs[leg],
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${rest}`, 'latin1');
}

/** Sends a request and reads until the connection ends, or until the head of a 101. */
export async function send(port: number, request: AttackRequest): Promise<Answer> {
  const connection = await connectRaw(port);
  try {
    connection.write(toBytes(request));
    await Promise.race([
      connection.untilClosed(),
      connection.until(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n/).catch(() => {}),
    ]);
    return parseAnswer(connection.received());
  } finally {
    connection.destroy();
  }
}

/** Reads the first answer in the bytes that a connection received. */
export function parseAnswer(raw: string): Answer {
  const end = raw.indexOf('\r\n\r\n');
  const [first = '', ...lines] = raw.slice(0, Math.max(end, 0)).split('\r\n');
  const code = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1] ?? 0);
  const headers = new Map(
    lines.map(line => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  return { code, headers, body: raw.slice(end + 4), raw };
}

/** Asserts that the answer is the proxy's own Status and ends the connection. Returns its message. */
export function assertStatus(answer: Answer, code: number, what: string): string {
  assert.equal(answer.code, code, `${what}: ${JSON.stringify(answer.raw.slice(0, 300))}`);
  const status = JSON.parse(answer.body) as Record<string, unknown>;
  assert.equal(status['kind'], 'Status', what);
  assert.equal(status['status'], 'Failure', what);
  assert.equal(status['code'], code, what);
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/, what);
  return String(status['message']);
}

/** The clients' requests that reached the API server, without the proxy's own discovery. */
export function clientRequests(server: FakeApiServer): RequestRecord[] {
  return server.requests.filter(({ headers }) => headers['user-agent'] !== 'kube-api-proxy');
}
