import type { TerminalSize } from './pod-commands.js';

/** The options of an exec or attach request, from its query. */
export interface RemoteCommandOptions {
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** The streams of an exec or attach session over any protocol. */
export interface RemoteStreams {
  readonly stdin: AsyncIterable<Buffer>;
  readonly writeStdout: (data: Buffer) => Promise<void>;
  readonly writeStderr: (data: Buffer) => Promise<void>;
  readonly terminalSize: TerminalSizes;
  /** Sends the result on the error channel, as a Status if the protocol has one, and ends the session. */
  finish(status: CommandStatus): Promise<void>;
  /** Aborted when the client has left. */
  readonly signal: AbortSignal;
}

/** The `Status` that ends a session. */
export interface CommandStatus {
  readonly metadata: Record<string, never>;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly causes: readonly { readonly reason: string; readonly message: string }[] };
}

/** The Status for an exit code: Success for 0, otherwise NonZeroExitCode, from which kubectl takes its own exit code. */
export function exitStatus(code: number): CommandStatus {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

/** The latest terminal size that the client sent on its resize channel. */
export class TerminalSizes {
  #latest: TerminalSize | undefined;
  #waiting: ((size: TerminalSize) => void)[] = [];

  /** Reads a message of the resize channel; everything except a size is ignored. */
  receive(message: string): void {
    let value: Partial<TerminalSize>;
    try {
      value = JSON.parse(message) as Partial<TerminalSize>;
    } catch {
      return;
    }
    if (typeof value.Width !== 'number' || typeof value.Height !== 'number') return;
    this.#latest = { Width: value.Width, Height: value.Height };
    for (const resolve of this.#waiting.splice(0)) resolve(this.#latest);
  }

  /** The latest size, or the first one to come. */
  get(): Promise<TerminalSize> {
    if (this.#latest) return Promise.resolve(this.#latest);
    return new Promise(resolve => this.#waiting.push(resolve));
  }
}
