import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import type { Scope } from './scope.js';

/** Opens a port on [::1] that leads to a port of 127.0.0.1 until the scope ends; undefined if there is no IPv6 loopback. */
export async function forwardFromIpv6(scope: Scope, port: number): Promise<number | undefined> {
  const forwarder = net.createServer(socket => {
    const target = net.connect(port, '127.0.0.1');
    socket.pipe(target).pipe(socket);
    socket.on('error', () => target.destroy());
    target.on('error', () => socket.destroy());
  });
  scope.after(() => forwarder.close());
  forwarder.listen(0, '::1');
  return once(forwarder, 'listening').then(
    () => (forwarder.address() as AddressInfo).port,
    () => undefined,
  );
}
