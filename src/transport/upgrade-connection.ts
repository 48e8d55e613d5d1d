import http from 'node:http';
import type { Socket } from 'node:net';
import type { Dial } from './dial/dial.js';
import { RelayReads } from './relay/relay-reads.js';
import { brokenOff, wasReset } from './reset.js';

/**
 * Node's limit of 1,000 header fields is less than a plain answer may have here. Node before 22.23.3 and 24.21.0 drops
 * further fields without a word.
 */
const maxFields = 16 * 1024;

/** The one request that an upgrade connection carries. */
export interface UpgradeRequest {
  readonly method: string;
  readonly path: string;
  /** Name, value, name, value, …; the Upgrade and Connection fields among them. */
  readonly headers: string[];
}

/** What can come of an upgrade: exactly one of the three is called. */
export interface UpgradeHandler {
  /** 101: from here on the socket's bytes are the protocol's own; `head` are those that came with the answer. */
  onUpgrade(response: http.IncomingMessage, socket: Socket, head: Buffer, reads: RelayReads): void;
  /** Any other answer, which is the API server's refusal. */
  onResponse(response: http.IncomingMessage): void;
  onError(error: Error): void;
}

/**
 * Asks the API server for an upgrade on a connection of its own, which ends with it.
 *
 * @returns a function that gives it up, whatever state it is in.
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
      // Both listeners must run before Node's, which treats any end of the connection as the end of an answer without a length.
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
