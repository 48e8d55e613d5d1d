/**
 * How a client got its watch: it opened a shared one (`opened`), joined one (`ring`), has its own (`own`), or has its own because it may
 * not join (`refused`).
 */
export type Join = 'opened' | 'ring' | 'own' | 'refused';
/** Why a shared watch had to be opened again: its response ended normally, or broke off. */
export type Loss = 'ended' | 'error';

/** Receives what the metrics of shared watches need. */
export interface ShareObserver {
  /** A shared watch is being opened at the API server (1), or is over (-1). */
  watches(change: 1 | -1): void;
  /** A client has joined a shared watch (1), or left it (-1). */
  clients(change: 1 | -1): void;
  joined(how: Join): void;
  /** An event has come from the API server. */
  received(): void;
  /** A client was sent this number of events. */
  delivered(events: number): void;
  /** A shared watch continues after a loss. */
  resumed(loss: Loss): void;
  /** A client was cut off because it read too slowly. */
  lagged(): void;
}
