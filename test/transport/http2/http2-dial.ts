import net from 'node:net';
import type { Dial } from '../../../src/transport/dial/dial.js';

/** Dials without TLS, as if a protocol was negotiated: HTTP/2 by default. */
export function dialPlain(port: number, protocol = 'h2'): Dial {
  return (callback, onread) => {
    const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, ...(onread && { onread }) });
    socket.setNoDelay(true);
    Object.assign(socket, { alpnProtocol: protocol });
    const done = (error: Error | null) => {
      socket.off('connect', onConnect).off('error', done).off('close', onClose);
      if (error === null) callback(null, socket);
      else {
        socket.on('error', () => {}).destroy();
        callback(error, null);
      }
    };
    const onConnect = () => done(null);
    const onClose = () => done(Object.assign(new Error('closed while connecting'), { code: 'ECONNRESET' }));
    socket.once('connect', onConnect).once('error', done).once('close', onClose);
    return socket;
  };
}
