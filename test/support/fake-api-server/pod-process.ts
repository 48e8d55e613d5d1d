import type { PodFiles } from './pod-files.js';

/** Columns and rows of the client's terminal. */
export interface TerminalSize {
  readonly Width: number;
  readonly Height: number;
}

/** The environment of a process in a pod: standard streams, the pod's files, perhaps a terminal. */
export interface PodProcess {
  readonly stdin: AsyncIterable<Buffer>;
  /** Resolve when the client's connection has accepted the bytes; reject if it has ended. */
  readonly out: (data: string | Buffer) => Promise<void>;
  readonly err: (data: string | Buffer) => Promise<void>;
  readonly files: PodFiles;
  readonly tty: boolean;
  /** The size that the client last sent; waits for the first. */
  readonly terminalSize: () => Promise<TerminalSize>;
  /** Aborted when the client has left. */
  readonly signal: AbortSignal;
}
