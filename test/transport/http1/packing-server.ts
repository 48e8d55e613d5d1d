import assert from 'node:assert/strict';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { listenFor } from '../../support/ports.js';
import type { Scope } from '../../support/scope.js';

/** A TLS server that decides which of its records are sent together. */
export interface PackingServer {
  readonly port: number;
  /** PEM of the authority of its certificate. */
  readonly authority: string;
  /** Whether the client has ended the first connection. */
  firstHasEnded(): boolean;
}

/** Starts a server that answers only its first request, with these packets, each of which has several TLS records. */
export async function startPackingServer(
  scope: Scope,
  packets: readonly (readonly string[])[],
): Promise<PackingServer> {
  const authority = await createCertificateAuthority();
  const { certificate, key } = await authority.server();
  const secureContext = tls.createSecureContext({ cert: certificate, key });
  const sockets: net.Socket[] = [];
  const server = net.createServer(socket => {
    sockets.push(socket);
    const packer = new Packer(socket.setNoDelay(true));
    const secure = new tls.TLSSocket(packer, { isServer: true, secureContext });
    secure.on('error', () => {}).resume();
    if (sockets.length > 1) return;
    secure.once('data', async () => {
      for (const records of packets) await packer.sendAsOne(secure, records);
    });
  });
  return {
    port: await listenFor(scope, server),
    authority: authority.certificate,
    firstHasEnded: () => sockets[0]?.readableEnded === true || sockets[0]?.destroyed === true,
  };
}

/** Holds back the bytes that TLS writes until all of them can be sent at once. */
class Packer extends Duplex {
  readonly #socket: net.Socket;
  #held: Buffer[] | undefined;

  constructor(socket: net.Socket) {
    super();
    this.#socket = socket;
    socket
      .on('data', chunk => this.push(chunk))
      .on('end', () => this.push(null))
      .on('error', () => this.destroy());
  }

  async sendAsOne(secure: tls.TLSSocket, records: readonly string[]): Promise<void> {
    const held: Buffer[] = [];
    this.#held = held;
    for (const record of records) {
      await new Promise<void>(resolve => secure.write(record, 'latin1', () => resolve()));
    }
    assert.ok(held.length >= records.length, 'each is a record of its own');
    this.#held = undefined;
    this.#socket.write(Buffer.concat(held));
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    if (this.#held === undefined) this.#socket.write(chunk);
    else this.#held.push(chunk);
    callback();
  }
}
