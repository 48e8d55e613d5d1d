import type { PodFiles } from './pod-files.js';

/** Columns and rows of the client's terminal. */
export interface TerminalSize {
  readonly Width: number;
  readonly Height: number;
}

/** What a process in a pod has: standard streams, the pod's files, perhaps a terminal. */
export interface PodProcess {
  readonly stdin: AsyncIterable<Buffer>;
  /** Resolve once the client's connection has taken the bytes; reject when it is gone. */
  readonly out: (data: string | Buffer) => Promise<void>;
  readonly err: (data: string | Buffer) => Promise<void>;
  readonly files: PodFiles;
  readonly tty: boolean;
  /** The size that the client last sent; waits for the first. */
  readonly terminalSize: () => Promise<TerminalSize>;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}
