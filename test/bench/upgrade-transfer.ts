import type { Duplex } from 'node:stream';

/** Bytes that go in one direction over an upgraded connection. */
export interface Transfer {
  readonly direction: 'to client' | 'to server';
  /** Bytes of each write, in turn. */
  readonly writes: readonly number[];
  readonly bytes: number;
  /** Bytes a second of what the server sends. Without it, the bytes go as fast as the peer reads them. */
  readonly rate?: number;
}

/** An upgrade that kubectl proxy accepts by default. */
export const upgradePath = '/api/v1/namespaces/team-0/pods/web-0/portforward';

/** The head of a request that asks the server for a transfer. */
export function upgradeRequest(
  host: string,
  { direction, writes, bytes, rate = Infinity }: Transfer,
): string {
  const query = new URLSearchParams({ direction, writes: writes.join(), bytes: `${bytes}`, rate: `${rate}` });
  const fields = [`Host: ${host}`, 'Connection: Upgrade', 'Upgrade: bench/1', 'Content-Length: 0'];
  return `POST ${upgradePath}?${query} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`;
}

export function transferOf(target: string): Transfer {
  const { searchParams } = new URL(target, 'https://localhost');
  const [direction, writes, bytes, rate] = ['direction', 'writes', 'bytes', 'rate'].map(
    name => searchParams.get(name) ?? '',
  );
  return {
    direction: direction as Transfer['direction'],
    writes: (writes as string).split(',').map(Number),
    bytes: Number(bytes),
    rate: Number(rate),
  };
}

/** Writes the bytes as fast as the peer reads them or at the transfer's rate, each write separately. */
export function send(socket: Duplex, { writes, bytes, rate = Infinity }: Transfer): void {
  const parts = writes.map(size => Buffer.alloc(size, 'x'));
  const began = performance.now();
  let sent = 0;
  let index = 0;
  const next = () => {
    if (sent >= bytes || socket.destroyed) return;
    const early = (sent / rate) * 1000 - (performance.now() - began);
    if (early > 0) {
      setTimeout(next, early);
      return;
    }
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
