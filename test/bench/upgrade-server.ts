import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { listen } from '../support/ports.js';
import { drain, send, transferOf } from './upgrade-transfer.js';
import { answer } from './watch-messages.js';

// This process stands for the API server in upgrades. It sends or reads as many bytes as the request's target says.

/** The server's certificates; the command is sent once. */
export interface UpgradeServerCommand {
  readonly command: 'listen';
  readonly pem: Readonly<Record<string, string>>;
}

answer<UpgradeServerCommand, { readonly port: number }>(async ({ pem }) => {
  const file = (name: string) => readFileSync(pem[name] as string);
  const server = createServer({
    ca: file('ca'),
    cert: file('serverCertificate'),
    key: file('serverKey'),
    minVersion: 'TLSv1.3',
    requestCert: true,
  });
  server.on('request', (_request, response) => response.end('{}'));
  server.on('upgrade', (request, socket) => {
    socket.on('error', () => socket.destroy());
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: bench/1\r\n\r\n');
    const transfer = transferOf(request.url as string);
    if (transfer.direction === 'to client') send(socket.resume(), transfer);
    // One byte says that everything has come. An end would not do: kubectl proxy treats it as the end of both directions.
    else void drain(socket, transfer.bytes).then(() => socket.write('.'));
  });
  return { port: await listen(server) };
});
