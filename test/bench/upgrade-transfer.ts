import type { Duplex } from 'node:stream';

/** Bytes that go in one direction over an upgraded connection. */
export interface Transfer {
  readonly direction: 'to client' | 'to server';
  /** Bytes of each write, in turn. */
  readonly writes: readonly number[];
  readonly bytes: number;
}

/** An upgrade that kubectl proxy accepts by default. */
const path = '/api/v1/namespaces/team-0/pods/web-0/portforward';

/** The target of a request that asks the server for a transfer. */
export function targetOf({ direction, writes, bytes }: Transfer): string {
  const query = new URLSearchParams({ direction, writes: writes.join(), bytes: String(bytes) });
  return `${path}?${query}`;
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
  let left = bytes;
  let index = 0;
  const next = () => {
    if (left <= 0) return;
    const part = parts[index++ % parts.length] as Buffer;
    left -= part.length;
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
