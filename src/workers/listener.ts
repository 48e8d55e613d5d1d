import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';

/** A listener that reads nothing from its connections, because other processes serve them. */
export interface SharedListener {
  readonly server: Server;
  listen(at: ListenOptions): Promise<unknown>;
  /** Stops accepting connections. */
  close(): void;
}

/** Listens as Fastify does: for `localhost`, on each of its addresses. */
export function createSharedListener(onConnection: (socket: Socket) => void): SharedListener {
  const create = () => createServer({ pauseOnConnect: true, noDelay: true }, onConnection);
  const server = create();
  const servers = [server];
  return {
    server,
    async listen(at) {
      server.listen(at);
      await once(server, 'listening');
      if (at.host !== 'localhost') return;
      const bound = server.address() as { readonly address: string; readonly port: number };
      for (const { address } of await lookup('localhost', { all: true })) {
        if (address === bound.address) continue;
        const another = create();
        another.listen({ host: address, port: bound.port });
        // An address of localhost on which the process cannot listen is left out.
        await once(another, 'listening').then(
          () => servers.push(another),
          () => {},
        );
      }
    },
    close() {
      for (const each of servers) each.close();
    },
  };
}
