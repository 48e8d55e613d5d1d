import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { StallTimer } from '../lib/stall-timer.js';

/** Node publishes here that an answer is complete. */
const completed = 'http.server.response.finish';

const waiting = new Map<Socket, PipelinedUpgrade>();

function onCompleted(message: unknown): void {
  const upgrade = waiting.get((message as { readonly socket: Socket }).socket);
  // After this turn, Node has given the connection to the next answer, if there is one.
  if (upgrade !== undefined) setImmediate(() => upgrade.tryTurn());
}

/** If a client sends more bytes than this behind an upgrade that waits, for its turn or for its 101, its socket is paused. */
export const maxEarlyBytes = 64 * 1024;

/**
 * An upgrade behind requests of its connection that are not answered yet (RFC 9112, section 9.3.2). It has its turn when all of these have
 * their answers, and never if the connection ends before. Meanwhile the connection is read, because nothing else shows that its client
 * leaves.
 */
export class PipelinedUpgrade {
  readonly #socket: Socket;
  readonly #response: ServerResponse;
  readonly #onTurn: (early: readonly Buffer[]) => void;
  readonly #stall: StallTimer;
  readonly #early: Buffer[] = [];
  #earlyBytes = 0;

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
    this.#stall = new StallTimer(socket, patience, () => socket.destroy());
  }

  wait(): void {
    if (waiting.size === 0) subscribe(completed, onCompleted);
    waiting.set(this.#socket, this);
    this.#socket.on('data', this.#keep).once('close', this.#leave);
  }

  /** Begins the turn, if no other answer has the connection now. */
  tryTurn(): void {
    const socket = this.#socket;
    if (socket.destroyed || !waiting.has(socket) || !hasTurn(this.#response, socket)) return;
    this.#leave();
    // Node's limit for an idle connection.
    socket.setTimeout(0);
    this.#onTurn(this.#early);
  }

  #keep = (chunk: Buffer): void => {
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes <= maxEarlyBytes) return;
    this.#socket.pause();
    this.#stall.start();
  };

  #leave = (): void => {
    this.#stall.stop();
    this.#socket.off('data', this.#keep).off('close', this.#leave).pause();
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
