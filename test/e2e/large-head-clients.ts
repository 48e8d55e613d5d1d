import assert from 'node:assert/strict';
import type { ClientHttp2Session } from 'node:http2';
import { afterEach } from 'node:test';
import { ask, connectHttp2, headOf, openStream } from '../support/clients/http2-client.js';
import { watchRaw } from '../support/clients/raw-http.js';
import { connectToListener } from '../support/proxy/encrypted.js';
import { toBytes } from './leg.js';

/** The most header fields of an answer. */
export const maxFields = 1_000;
export const chunked = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n';
export const event =
  '{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"9"}}}\n';
export const chunk = `${event.length.toString(16)}\r\n${event}\r\n`;

/** Lines of this number of fields. */
export const fields = (count: number, line = 'x: y\r\n') => line.repeat(count);

/** Lines whose names and values have this many bytes. */
export function padding(bytes: number): string {
  const values = Array.from({ length: Math.ceil(bytes / 10_000) }, (_, index) =>
    'z'.repeat(Math.min(10_000, bytes - index * 10_000) - 'x00'.length),
  );
  return values.map((value, index) => `x${String(index).padStart(2, '0')}: ${value}\r\n`).join('');
}

/** Clients of a program that serves TLS if it can. After each test their connections end. */
export function clientsOf(server: () => { readonly port: number; readonly ca: string }) {
  const ends: (() => void)[] = [];
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });

  const overHttp1 = async (request: Parameters<typeof toBytes>[0], until?: RegExp): Promise<string> => {
    const connection = watchRaw(connectToListener(server()));
    ends.push(() => connection.destroy());
    connection.write(toBytes(request));
    if (until === undefined) return connection.untilClosed();
    await connection.until(until);
    return connection.received();
  };

  /** Opens an HTTP/2 connection with a watch that another user of it may have. Throws later if that watch has ended. */
  const connect = async (
    maxHeaderListSize = 4 << 20,
  ): Promise<{ session: ClientHttp2Session; check(): Promise<void> }> => {
    const { port, ca } = server();
    const session = await connectHttp2(port, ca, {
      maxHeaderListPairs: 10 * maxFields,
      settings: { maxHeaderListSize },
    });
    ends.push(() => session.destroy());
    const other = openStream(session, '/api/v1/namespaces/a/pods?watch=true');
    other.resume();
    await headOf(other);
    return {
      session,
      async check() {
        const healthy = await ask(session, '/-/livez');
        assert.deepEqual([healthy.status, session.closed, other.closed], [200, false, false]);
      },
    };
  };

  return { overHttp1, connect };
}
