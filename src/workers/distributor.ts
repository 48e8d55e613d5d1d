import type { Socket } from 'node:net';
import type { Member } from './member.js';

/** At most so many connections wait here for a worker: as many as a listener's backlog commonly holds. */
const mostWaiting = 1024;
/** How many times each worker may fail to get a connection before it is closed: all of them may lack descriptors. */
const mostRounds = 2;

interface Waiting {
  readonly socket: Socket;
  /** Workers that failed to get it in this round. */
  readonly failed: Set<Member>;
  round: number;
}

/**
 * Sends each connection to the worker with the fewest connections; if several have as few, to each in turn. A worker that has not confirmed its last
 * connection, because it is busy or stuck, gets no other: connections that wait go to the others.
 */
export class Distributor {
  readonly #members: () => Iterable<Member>;
  readonly #waiting: Waiting[] = [];
  #isClosed = false;

  constructor(members: () => Iterable<Member>) {
    this.#members = members;
  }

  /** Takes a connection of which nothing has been read. */
  accept(socket: Socket): void {
    // If it closes while it waits, the worker notices.
    socket.on('error', () => {});
    if (this.#isClosed || this.#waiting.length >= mostWaiting) socket.destroy();
    else {
      this.#waiting.push({ socket, failed: new Set(), round: 1 });
      this.next();
    }
  }

  /** To be called when a worker may be free. */
  next(): void {
    for (let index = 0; index < this.#waiting.length && this.#choose() !== undefined; ) {
      const waiting = this.#waiting[index] as Waiting;
      const member = this.#choose(waiting.failed);
      if (member === undefined) {
        // The others are busy, and those behind it need not wait for them.
        index += 1;
      } else {
        this.#waiting.splice(index, 1);
        member.sendConnection(waiting.socket, () => this.#failed(waiting, member));
      }
    }
  }

  /** Closes the connections that wait, and every later one. */
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
