import type { Socket } from 'node:net';
import type { Member } from './member.js';

/** Connections that wait here for a worker, at most: as many as a listener's backlog commonly holds. */
const mostWaiting = 1024;

/**
 * Gives each connection to the worker that has the fewest, in turn where they have the same, among those that took what they were given last: one that is busy
 * or stuck gets nothing more, and what waits goes to the others.
 */
export class Distributor {
  readonly #members: () => Iterable<Member>;
  readonly #waiting: Socket[] = [];
  #isClosed = false;

  constructor(members: () => Iterable<Member>) {
    this.#members = members;
  }

  /** Takes a connection of which nothing has been read. */
  accept(socket: Socket): void {
    // One that goes while it waits is found out by the worker.
    socket.on('error', () => {});
    if (this.#isClosed || this.#waiting.length >= mostWaiting) socket.destroy();
    else {
      this.#waiting.push(socket);
      this.next();
    }
  }

  /** To be called when a worker may be free. */
  next(): void {
    while (this.#waiting.length > 0) {
      const member = this.#choose();
      if (member === undefined) return;
      const socket = this.#waiting.shift() as Socket;
      member.hand(socket, () => {
        if (this.#isClosed) socket.destroy();
        else this.#waiting.unshift(socket);
        this.next();
      });
    }
  }

  /** Gives nothing to anybody any more. */
  close(): void {
    this.#isClosed = true;
    for (const socket of this.#waiting.splice(0)) socket.destroy();
  }

  #choose(): Member | undefined {
    let chosen: Member | undefined;
    for (const member of this.#members()) {
      if (member.isFree && (chosen === undefined || isBetter(member, chosen))) chosen = member;
    }
    return chosen;
  }
}

function isBetter(one: Member, other: Member): boolean {
  if (one.connections !== other.connections) return one.connections < other.connections;
  return one.givenAt < other.givenAt;
}
