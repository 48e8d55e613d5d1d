import type { Socket } from 'node:net';
import type { Member } from './member.js';

/** Maximum number of connections that wait here for a worker, which is a common size of a listener's backlog. */
const mostWaiting = 1024;
/** How many times a connection is tried on every worker before it is closed: all workers may lack file descriptors. */
const mostRounds = 2;

interface Waiting {
  readonly socket: Socket;
  /** Workers to which this connection could not be sent in this round. */
  readonly failed: Set<Member>;
  round: number;
}

/**
 * Sends each connection to the worker with the fewest connections. If several workers have equally few, they take turns. A worker that has
 * not confirmed its last connection, because it is busy or stuck, gets no other: waiting connections go to the others.
 */
export class Distributor {
  readonly #members: () => Iterable<Member>;
  readonly #waiting: Waiting[] = [];
  #isClosed = false;

  constructor(members: () => Iterable<Member>) {
    this.#members = members;
  }

  /** Accepts a connection from which nothing has been read. */
  accept(socket: Socket): void {
    // If the connection closes while it waits, the worker notices.
    socket.on('error', () => {});
    if (this.#isClosed || this.#waiting.length >= mostWaiting) socket.destroy();
    else {
      this.#waiting.push({ socket, failed: new Set(), round: 1 });
      this.next();
    }
  }

  /** Call this when a worker may have become free. */
  next(): void {
    for (let index = 0; index < this.#waiting.length && this.#choose() !== undefined; ) {
      const waiting = this.#waiting[index] as Waiting;
      const member = this.#choose(waiting.failed);
      if (member === undefined) {
        // All other workers are busy. Connections behind this one need not wait for them.
        index += 1;
      } else {
        this.#waiting.splice(index, 1);
        member.sendConnection(waiting.socket, () => this.#failed(waiting, member));
      }
    }
  }

  /** Closes all waiting connections, and every later one. */
  close(): void {
    this.#isClosed = true;
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
  }

  #failed(waiting: Waiting, member: Member): void {
    waiting.failed.add(member);
    if ([...this.#members()].every(each => !each.isServing || waiting.failed.has(each))) {
      waiting.failed.clear();
      waiting.round += 1;
    }
    if (this.#isClosed || waiting.round > mostRounds) waiting.socket.destroy();
    else this.#waiting.unshift(waiting);
    this.next();
  }

  #choose(except?: ReadonlySet<Member>): Member | undefined {
    let chosen: Member | undefined;
    for (const member of this.#members()) {
      if (!member.isFree || except?.has(member)) continue;
      if (chosen === undefined || isBetter(member, chosen)) chosen = member;
    }
    return chosen;
  }
}

function isBetter(one: Member, other: Member): boolean {
  if (one.connections !== other.connections) return one.connections < other.connections;
  return one.sentAt < other.sentAt;
}
