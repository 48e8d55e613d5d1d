import type { Watcher } from './watcher.js';

/** How far a client of an initial stream is. */
export interface Place {
  /** The position of its next piece. */
  next: number;
  /** How many bytes it was sent since it last had to wait. */
  sent: number;
  /** Whether it is known that its user may watch this. */
  isLetIn: boolean;
}

/** The clients of an initial stream, in the order in which they came, and how far each is. */
export class Places extends Map<Watcher, Place> {
  enter(client: Watcher, isLetIn: boolean): void {
    this.set(client, { next: 0, sent: 0, isLetIn });
  }

  /** The clients whose users may watch this. */
  *letIn(): Generator<Watcher> {
    for (const [client, { isLetIn }] of this) if (isLetIn) yield client;
  }

  /** The clients that need a piece from before this position. */
  *before(position: number): Generator<Watcher> {
    for (const [client, { next }] of this) if (next < position) yield client;
  }
}
