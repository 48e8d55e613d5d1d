/** A part of the program that has a timer, a watcher or a socket. */
export interface Component {
  /** Begins its work in the background. It opens no connections before this call. */
  start?(): void;
  close(): void | Promise<void>;
}
