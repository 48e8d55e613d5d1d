import type { Worker } from 'node:cluster';
import type { Socket } from 'node:net';
import { within } from '../lib/within.js';
import type { Snapshot } from '../observability/metrics/snapshot.js';
import { type Answers, Channel } from './channel.js';
import type { QuestionsToPrimary, QuestionsToWorker, ToPrimary, ToWorker } from './messages.js';

/** What the primary does with a worker's messages. */
interface MemberEvents {
  readonly answers: Answers<QuestionsToPrimary>;
  readonly onMessage: (member: Member, message: ToPrimary) => void;
  readonly onExit: (member: Member, code: number | null, signal: string | null) => void;
}

/** A connection that is being sent to a worker. The primary keeps its own descriptor of it until it has arrived. */
interface Sending {
  readonly socket: Socket;
  readonly onFailure: () => void;
  /** Whether Node has finished writing the message; Node does not say whether the write failed. */
  isWritten: boolean;
  /** The number of `alive` messages from the worker since the write. */
  signs: number;
}

/**
 * After this many `alive` messages since a connection was written, the worker has read everything in the pipe. Between two such messages,
 * its event loop makes a whole turn, which has a phase for timers and one for reading.
 */
const signsEnough = 3;

/** A worker, seen from the primary. */
export class Member {
  /** The worker's number. A worker that replaces a dead one gets the same number. */
  readonly number: number;
  readonly startedAt = performance.now();
  isServing = false;
  /** The number of connections that the worker has. */
  connections = 0;
  /** When a connection was last sent to the worker. */
  sentAt = 0;
  /** The worker's metrics, as it last sent them. */
  snapshot: Snapshot = [];
  readonly #process: Worker;
  readonly #channel: Channel<QuestionsToWorker, QuestionsToPrimary, ToPrimary>;
  #answering: Promise<void> | undefined;
  /** Only one connection is sent at a time. The others wait in the primary, where they are not lost if the worker dies. */
  #sending: Sending | undefined;

  constructor(number: number, process: Worker, { answers, onMessage, onExit }: MemberEvents) {
    this.number = number;
    this.#process = process;
    this.#channel = new Channel<QuestionsToWorker, QuestionsToPrimary, ToPrimary>(
      // If the worker is gone, its `exit` event reports that.
      message => process.send(message, () => {}),
      { answers, onMessage: message => onMessage(this, message) },
    );
    process.on('message', (message: ToPrimary) => this.#channel.receive(message));
    process.on('error', () => {});
    // Node sends this internal message if a descriptor did not arrive, for example because the worker has no free one.
    process.process.on('internalMessage', ({ cmd }: { readonly cmd?: string }) => {
      if (cmd === 'NODE_HANDLE_NACK') this.#failed();
    });
    process.once('exit', (code: number | null, signal: string | null) => {
      this.isServing = false;
      this.#channel.close();
      // The worker may have read from the connection, so no other worker can serve it.
      this.taken();
      onExit(this, code, signal);
    });
  }

  get pid(): number | undefined {
    return this.#process.process.pid;
  }

  /** Whether a connection can be sent to the worker now. */
  get isFree(): boolean {
    return this.isServing && this.#sending === undefined && this.#process.isConnected();
  }

  send(message: ToWorker): void {
    this.#process.send(message, () => {});
  }

  /** Sends the worker a connection. Calls `onFailure` if the connection does not arrive and nothing has been read from it. */
  sendConnection(socket: Socket, onFailure: () => void): void {
    const sending: Sending = { socket, onFailure, isWritten: false, signs: 0 };
    this.#sending = sending;
    this.connections += 1;
    this.sentAt = performance.now();
    // Without keepOpen, Node closes a connection that it cannot send.
    this.#process.send({ type: 'connection' } satisfies ToWorker, socket, { keepOpen: true }, error => {
      sending.isWritten = true;
      if (error !== null && this.#sending === sending) this.#failed();
    });
  }

  /** Call this when the connection has arrived, or was lost with the worker. */
  taken(): void {
    this.#sending?.socket.destroy();
    this.#sending = undefined;
  }

  /** Call this at each `alive` message, which comes once a second. */
  lives(): void {
    if (this.#sending === undefined || !this.#sending.isWritten) return;
    this.#sending.signs += 1;
    if (this.#sending.signs < signsEnough) return;
    this.#endWait();
    this.#failed();
  }

  /**
   * Asks for the worker's metrics. Resolves to false if there is no answer within `timeout` milliseconds; the answer is stored when it
   * comes.
   */
  async refreshSnapshot(timeout: number): Promise<boolean> {
    // While an answer is pending, no other question is sent.
    this.#answering ??= this.#askForSnapshot();
    const answered = this.#answering.then(() => true);
    return within(timeout, answered, () => false);
  }

  /** Ends the worker immediately. */
  kill(): void {
    this.#process.process.kill('SIGKILL');
  }

  #failed(): void {
    const sending = this.#sending;
    if (sending === undefined) return;
    this.#sending = undefined;
    this.connections -= 1;
    sending.onFailure();
  }

  /**
   * Node sends nothing more until the worker confirms a descriptor. If the write failed (ETOOMANYREFS, unix(7)), Node does not notice that,
   * and waits for ever. So this sends Node the confirmation that the worker would send. If a version of Node does not work this way, other
   * workers take over.
   */
  #endWait(): void {
    try {
      this.#process.process.emit('internalMessage', { cmd: 'NODE_HANDLE_ACK' });
    } catch {
      this.kill();
    }
  }

  async #askForSnapshot(): Promise<void> {
    try {
      this.snapshot = await this.#channel.ask('snapshot', undefined);
    } catch {
      // The worker is gone; its last metrics remain.
    } finally {
      this.#answering = undefined;
    }
  }
}
