/**
 * How a client got its watch: it opened a shared one (`opened`), joined one (`ring`), began with others at an initial stream (`initial`), has
 * its own (`own`), or has its own because it may not join (`refused`).
 */
export const watchJoins = ['opened', 'ring', 'initial', 'own', 'refused'] as const;
export type Join = (typeof watchJoins)[number];

/** Why a shared watch had to be opened again: its response ended normally, or broke off. */
export const watchLosses = ['ended', 'error'] as const;
export type Loss = (typeof watchLosses)[number];

/** Where a client went after the initial events: to a shared watch that was open (`ring`), or its stream became one (`opened`). */
export const watchMoves = ['opened', 'ring'] as const;
export type Move = (typeof watchMoves)[number];

/** Receives what the metrics of shared watches need. */
export interface ShareObserver {
  /** A shared watch or an initial stream is being opened at the API server (1), or is over (-1). */
  watches(change: 1 | -1): void;
  /** A client has joined a shared watch (1), or left it (-1). */
  clients(change: 1 | -1): void;
  joined(how: Join): void;
  /** An initial stream has begun for this number of clients. */
  initialStream(clients: number): void;
  /** This number of clients have had the initial events, and move to a shared watch. */
  moved(to: Move, clients: number): void;
  /** An event has come from the API server. */
  received(): void;
  /** A client was sent this number of events. */
  delivered(events: number): void;
  /** A shared watch continues after a loss. */
  resumed(loss: Loss): void;
  /** A client was cut off because it read too slowly. */
  lagged(): void;
}
