import { overhead, portion } from './event-ring.js';
import { Held, type MemoryBudget } from './memory-budget.js';
import { SharedBytes } from './shared-bytes.js';

/** A part of a stream that its clients get in one write. */
class Piece extends Held {
  readonly bytes: SharedBytes;
  /** How many events begin in it. */
  readonly events: number;
  /** How many clients have not had it. */
  left: number;
  readonly #backlog: Backlog;

  constructor(backlog: Backlog, parts: readonly Buffer[], events: number, clients: number) {
    const bytes = new SharedBytes(parts);
    super(bytes.length + overhead);
    this.bytes = bytes;
    this.events = events;
    this.left = clients;
    this.#backlog = backlog;
  }

  drop(): void {
    this.#backlog.dropOldest();
  }
}

/** What has come of a stream and not all of its clients have had, in pieces of at most `portion` bytes. Each has a position. */
export class Backlog {
  readonly #budget: MemoryBudget;
  readonly #pieces = new Map<number, Piece>();
  #parts: Buffer[] = [];
  #length = 0;
  #events = 0;
  /** The position of the oldest piece. */
  first = 0;
  /** The position after the newest piece. */
  end = 0;
  /** The bytes of all pieces: how far the slowest client is behind. */
  bytes = 0;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  /** Appends an event, for this number of clients. It may wait for others, to make a piece with them, until `complete`. */
  append(event: Buffer, clients: number): void {
    for (let at = 0; at < event.length; at += portion) {
      const part = event.subarray(at, at + portion);
      if (this.#length + part.length > portion) this.complete(clients);
      this.#parts.push(part);
      this.#length += part.length;
      if (at === 0) this.#events += 1;
    }
  }

  /** Makes a piece of what waits. */
  complete(clients: number): void {
    if (this.#length === 0) return;
    const piece = new Piece(this, this.#parts, this.#events, clients);
    this.#parts = [];
    this.#length = 0;
    this.#events = 0;
    this.#pieces.set(this.end, piece);
    this.end += 1;
    this.bytes += piece.size;
    this.#budget.add(piece);
    this.#trim();
  }

  /** The piece at a position, for a client that gets it now; undefined at the end. The position must be at least `first`. */
  take(position: number): Piece | undefined {
    const piece = this.#pieces.get(position);
    if (piece === undefined) return undefined;
    piece.left -= 1;
    this.#trim();
    return piece;
  }

  /** A client that was at this position has left. */
  release(position: number): void {
    for (let at = Math.max(position, this.first); at < this.end; at += 1)
      (this.#pieces.get(at) as Piece).left -= 1;
    this.#trim();
  }

  dropOldest(): void {
    const piece = this.#pieces.get(this.first) as Piece;
    this.#pieces.delete(this.first);
    this.first += 1;
    this.bytes -= piece.size;
    this.#budget.remove(piece);
  }

  /** Drops the oldest pieces that all clients have had. */
  #trim(): void {
    while (this.#pieces.get(this.first)?.left === 0) this.dropOldest();
  }
}
