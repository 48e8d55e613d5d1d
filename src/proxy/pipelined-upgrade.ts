import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { EarlyBytes } from './early-bytes.js';

/** Node publishes here that an answer is complete. */
const completed = 'http.server.response.finish';

const waiting = new Map<Socket, PipelinedUpgrade>();

function onCompleted(message: unknown): void {
  const upgrade = waiting.get((message as { readonly socket: Socket }).socket);
  // After this turn, Node has given the connection to the next answer, if there is one.
  if (upgrade !== undefined) setImmediate(() => upgrade.tryTurn());
}

/**
 * An upgrade behind requests of its connection that are not answered yet (RFC 9112, section 9.3.2). It has its turn when all of these have
 * their answers, and never if the connection ends before.
 */
export class PipelinedUpgrade {
  readonly #socket: Socket;
  readonly #response: ServerResponse;
  readonly #onTurn: (early: readonly Buffer[]) => void;
  readonly #early: EarlyBytes;

  /** @param patience How long a paused connection may be without a byte in either direction, in milliseconds. */
  constructor(
    socket: Socket,
    response: ServerResponse,
    patience: number,
    onTurn: (early: readonly Buffer[]) => void,
  ) {
    this.#socket = socket;
    this.#response = response;
    this.#onTurn = onTurn;
    this.#early = new EarlyBytes(socket, patience, () => socket.destroy());
  }

  wait(): void {
    if (waiting.size === 0) subscribe(completed, onCompleted);
    waiting.set(this.#socket, this);
    this.#socket.once('close', this.#leave);
    this.#early.keep();
  }

  /** Begins the turn, if no other answer has the connection now. */
  tryTurn(): void {
    const socket = this.#socket;
    if (socket.destroyed || !waiting.has(socket) || !hasTurn(this.#response, socket)) return;
    this.#leave();
    // Node's limit for an idle connection.
    socket.setTimeout(0);
    this.#onTurn(this.#early.take());
  }

  #leave = (): void => {
    this.#early.stop();
    this.#socket.off('close', this.#leave).pause();
    waiting.delete(this.#socket);
    if (waiting.size === 0) unsubscribe(completed, onCompleted);
  };
}

/** Gives the connection to an answer. Returns false if the answer to an earlier request has it. */
export function hasTurn(response: ServerResponse, socket: Socket): boolean {
  try {
    response.assignSocket(socket);
    return true;
  } catch {
    return false;
  }
}
