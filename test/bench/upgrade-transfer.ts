import type { Duplex } from 'node:stream';

/** Bytes that go in one direction over an upgraded connection. */
export interface Transfer {
  readonly direction: 'to client' | 'to server';
  /** Bytes of each write, in turn. */
  readonly writes: readonly number[];
  readonly bytes: number;
}

/** An upgrade that kubectl proxy accepts by default. */
const upgradePath = '/api/v1/namespaces/team-0/pods/web-0/portforward';

/** The head of a request that asks the server for a transfer. */
export function upgradeRequest(host: string, { direction, writes, bytes }: Transfer): string {
  const query = new URLSearchParams({ direction, writes: writes.join(), bytes: `${bytes}` });
  const fields = [`Host: ${host}`, 'Connection: Upgrade', 'Upgrade: bench/1', 'Content-Length: 0'];
  return `POST ${upgradePath}?${query} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`;
}

export function transferOf(target: string): Transfer {
  const { searchParams } = new URL(target, 'https://localhost');
  const [direction, writes, bytes] = ['direction', 'writes', 'bytes'].map(
    name => searchParams.get(name) ?? '',
  );
  return {
    direction: direction as Transfer['direction'],
    writes: (writes as string).split(',').map(Number),
    bytes: Number(bytes),
  };
}

/** Writes the bytes as fast as the peer reads them, each write separately. */
export function send(socket: Duplex, { writes, bytes }: Transfer): void {
  const parts = writes.map(size => Buffer.alloc(size, 'x'));
  let sent = 0;
  let index = 0;
  const next = () => {
    if (sent >= bytes || socket.destroyed) return;
    const part = parts[index++ % parts.length] as Buffer;
    sent += part.length;
    socket.write(part, next);
  };
  next();
}

/** Reads `bytes` bytes, or up to the end, and returns how many came. */
export function drain(socket: Duplex, bytes: number): Promise<number> {
  let received = 0;
  return new Promise(resolve => {
    socket.once('end', () => resolve(received));
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received >= bytes) resolve(received);
    });
  });
}
