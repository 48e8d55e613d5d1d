import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import tls from 'node:tls';
import { watchRaw } from '../../support/clients/raw-http.js';
import { eventually } from '../../support/eventually.js';
import { hasTls } from '../../support/proxy/encrypted.js';
import { type RunningProgram, startInProcess } from '../../support/proxy/in-process.js';
import { ownMetric } from '../../support/proxy/own-metric.js';
import { startStack } from '../../support/proxy/stack.js';

const run = startInProcess;
const { server, proxy: plain } = await startStack({ after }, { run, flags: ['--reject-paths='] });
const secure = await startStack({ after }, { run, server, flags: ['--reject-paths='], tls: true });
const reasons = ['client', 'upstream', 'shutdown', 'error'] as const;
const sampleOf = (reason: string) => `kube_api_proxy_longrunning_requests_ended_total{reason="${reason}"}`;
const countsOf = () => Promise.all(reasons.map(reason => ownMetric(plain.port, sampleOf(reason))));

/** The line of a request that has ended; undefined before. */
const lineOf = (proxy: RunningProgram, path: string) =>
  proxy.log().find(line => line['path'] === path && line['msg'] === 'request');

/** A close frame with the code 1000, from a server and from a client (RFC 6455, section 5.5.1). */
const closeFrame = Buffer.from([0x88, 2, 3, 232]);
const maskedCloseFrame = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 3, 232]);
/** A binary frame with a close frame in its payload. */
const data = Buffer.from([0x82, 0x80 | closeFrame.length, 0, 0, 0, 0, ...closeFrame]);

interface Sides {
  /** The client's connection, with TLS if the listener has TLS, and the one below it. */
  readonly client: Socket;
  readonly below: Socket;
  readonly upstream: Socket;
}

/** Ends of an upgrade, and by whom. */
const ends: Readonly<Record<string, readonly ['client' | 'upstream' | 'error', (sides: Sides) => void]>> = {
  'the client ends its side': ['client', ({ client }) => client.end()],
  'the client leaves without an end of its TLS session': ['client', ({ below }) => below.destroy()],
  'the client resets the connection': ['client', ({ below }) => (below as net.Socket).resetAndDestroy()],
  'the client sends a close frame, and the API server ends': [
    'client',
    ({ client, upstream }) => {
      endWith(client, upstream);
      client.write(Buffer.concat([data, maskedCloseFrame.subarray(0, 1)]));
      client.write(maskedCloseFrame.subarray(1));
      upstream.on('data', chunk => chunk.includes(maskedCloseFrame.subarray(-4)) && upstream.end(closeFrame));
    },
  ],
  'the API server ends': ['upstream', ({ client, upstream }) => endWith(client, upstream).end(data)],
  'the API server sends a close frame, which the client answers and ends': [
    'upstream',
    ({ client, upstream }) => {
      upstream.write(closeFrame);
      client.once('data', () => client.end(maskedCloseFrame));
    },
  ],
  'the API server resets the connection': [
    'error',
    ({ upstream }) =>
      (upstream as tls.TLSSocket & { readonly _parent: net.Socket })._parent.resetAndDestroy(),
  ],
};

/** A socket ends after the other one, which is returned. */
function endWith(socket: Socket, other: Socket): Socket {
  socket.once('end', () => socket.end());
  return other;
}

async function open(listener: 'plain' | 'TLS', path: string): Promise<Sides> {
  const accepted = new Promise<Socket>(resolve => {
    const remove = server.interceptUpgrade((request, socket) => {
      if (request.url !== path) return false;
      remove();
      socket.on('error', () => {});
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      resolve(socket as Socket);
      return true;
    });
  });
  const below = net.connect({
    port: listener === 'TLS' ? secure.port : plain.port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  const client =
    listener === 'TLS' ? tls.connect({ socket: below, ca: secure.ca, servername: 'localhost' }) : below;
  for (const socket of new Set([below, client])) socket.on('error', () => {});
  after(() => below.destroy());
  await once(client, listener === 'TLS' ? 'secureConnect' : 'connect');
  const head = ['Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  client.write(`GET ${path} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`);
  await watchRaw(client).until(/^HTTP\/1\.1 101 [\s\S]*?\r\n\r\n/);
  return { client, below, upstream: await accepted };
}

describe('an upgrade', () => {
  for (const listener of (['plain', 'TLS'] as const).filter(name => hasTls || name === 'plain')) {
    for (const [what, [endedBy, act]] of Object.entries(ends)) {
      it(`over ${listener === 'TLS' ? 'TLS' : 'plain HTTP'} counts as ended by ${endedBy} if ${what}`, async () => {
        const path = `/api/v1/namespaces/default/pods/${what.replaceAll(/\W/g, '-')}/exec`;
        const before = await countsOf();
        const sides = await open(listener, path);
        sides.upstream.on('data', () => {}).once('end', () => sides.upstream.end());
        act(sides);
        const proxy = listener === 'TLS' ? secure.proxy : plain;
        await eventually('its line', () => lineOf(proxy, path) !== undefined);
        assert.equal(lineOf(proxy, path)?.['endedBy'], endedBy);
        if (listener === 'TLS') return;
        const expected = reasons.map(
          (reason, index) => (before[index] as number) + (reason === endedBy ? 1 : 0),
        );
        assert.deepEqual(await countsOf(), expected);
      });
    }
  }
});
