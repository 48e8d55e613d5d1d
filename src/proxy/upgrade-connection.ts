import http from 'node:http';
import type { Socket } from 'node:net';
import type { Dial } from '../transport/dial/dial.js';
import { brokenOff, wasReset } from '../transport/reset.js';
import { RelayReads } from './relay/relay-reads.js';

/**
 * Node allows 1,000 header fields, which is less than a plain response may have here. Node before 22.23.3 and 24.21.0 drops further fields
 * silently.
 */
const maxFields = 16 * 1024;

/** The request that asks for an upgrade. */
export interface UpgradeRequest {
  readonly method: string;
  readonly path: string;
  /** Name, value, name, value, …; includes the Upgrade and Connection fields. */
  readonly headers: string[];
}

/** Receives the result of an upgrade request. Exactly one of the three methods is called. */
export interface UpgradeHandler {
  /**
   * The API server answered 101: from now on the socket carries the upgraded protocol. `head` holds its bytes that came with the response.
   */
  onUpgrade(response: http.IncomingMessage, socket: Socket, head: Buffer, reads: RelayReads): void;
  /** The API server gave any other answer, which means that it refuses the upgrade. */
  onResponse(response: http.IncomingMessage): void;
  onError(error: Error): void;
}

/**
 * Sends an upgrade request to the API server, on a connection of its own. The connection ends with the upgrade.
 * @returns A function that gives up the upgrade in any state.
 */
export function requestUpgrade(dial: Dial, request: UpgradeRequest, handler: UpgradeHandler): () => void {
  let outgoing: http.ClientRequest | undefined;
  const onError = (error: Error) => handler.onError(error);
  const reads = new RelayReads();
  const dialled = dial((error, socket) => {
    if (socket === null) {
      handler.onError(error as Error);
      return;
    }
    reads.follow(socket);
    outgoing = http.request({
      method: request.method,
      path: request.path,
      headers: request.headers,
      maxHeaderSize: 1 << 20,
      createConnection: () => socket,
    });
    outgoing.maxHeadersCount = maxFields;
    outgoing.once('upgrade', (response, upgraded: Socket, head) => {
      handler.onUpgrade(response, upgraded, head, reads);
    });
    outgoing.once('response', response => {
      // Both listeners must run before Node's own, which takes every end of the connection for the end of a response without a length.
      outgoing?.off('error', onError).on('error', failure => response.destroy(failure));
      socket.prependListener('end', () => {
        if (wasReset(socket)) response.destroy(brokenOff());
      });
      response.once('end', () => socket.destroy());
      handler.onResponse(response);
    });
    outgoing.once('error', onError);
    outgoing.end();
  }, reads.options);
  return () => {
    outgoing?.destroy();
    dialled.destroy();
  };
}
