import type { Worker } from 'node:cluster';
import type { Socket } from 'node:net';
import type { Snapshot } from '../observability/metrics/snapshot.js';
import { type Answers, Channel } from './channel.js';
import type { QuestionsToPrimary, QuestionsToWorker, ToPrimary, ToWorker } from './messages.js';

/** What the primary does with the messages of a worker. */
interface MemberEvents {
  readonly answers: Answers<QuestionsToPrimary>;
  readonly onMessage: (member: Member, message: ToPrimary) => void;
  readonly onExit: (member: Member, code: number | null, signal: string | null) => void;
}

/** A connection on its way to a worker. This process keeps its own descriptor of it until it has arrived. */
interface Sending {
  readonly socket: Socket;
  readonly onFailure: () => void;
  /** Whether Node has finished writing it; Node does not say whether that failed. */
  isWritten: boolean;
  /** Signs of life from the worker since then. */
  signs: number;
}

/**
 * After so many signs of life since a connection was written, the worker has read everything in the pipe. Between two signs its event loop
 * makes a whole turn, which has a phase for timers and one for reading.
 */
const signsEnough = 3;

/** One worker, as the primary sees it. */
export class Member {
  /** Its number among the workers. A worker that replaces one that died gets the same number. */
  readonly number: number;
  readonly startedAt = performance.now();
  isServing = false;
  /** Connections that it has. */
  connections = 0;
  /** When one was last sent to it. */
  sentAt = 0;
  /** Its metrics, as it last sent them. */
  snapshot: Snapshot = [];
  readonly #process: Worker;
  readonly #channel: Channel<QuestionsToWorker, QuestionsToPrimary, ToPrimary>;
  #answering: Promise<void> | undefined;
  /** Never more than one: the others wait in the primary, where they are not lost with the worker. */
  #sending: Sending | undefined;

  constructor(number: number, process: Worker, { answers, onMessage, onExit }: MemberEvents) {
    this.number = number;
    this.#process = process;
    this.#channel = new Channel<QuestionsToWorker, QuestionsToPrimary, ToPrimary>(
      // If the worker is gone, its exit says so.
      message => process.send(message, () => {}),
      { answers, onMessage: message => onMessage(this, message) },
    );
    process.on('message', (message: ToPrimary) => this.#channel.receive(message));
    process.on('error', () => {});
    // Node's internal message for a descriptor that did not arrive, for example because the worker has none left.
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

  /** Whether a connection can be sent to it now. */
  get isFree(): boolean {
    return this.isServing && this.#sending === undefined && this.#process.isConnected();
  }

  send(message: ToWorker): void {
    this.#process.send(message, () => {});
  }

  /** Sends it a connection; calls `onFailure` if that does not arrive and nothing has been read from it. */
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

  /** To be called when the connection has arrived, or was lost with the worker. */
  taken(): void {
    this.#sending?.socket.destroy();
    this.#sending = undefined;
  }

  /** To be called at each sign of life, which comes once a second. */
  lives(): void {
    if (this.#sending === undefined || !this.#sending.isWritten) return;
    this.#sending.signs += 1;
    if (this.#sending.signs < signsEnough) return;
    this.#endWait();
    this.#failed();
  }

  /** Asks for its metrics. False if there is no answer within so many milliseconds; the answer is stored when it comes. */
  async refreshSnapshot(timeout: number): Promise<boolean> {
    // While an answer is due, nothing is asked again.
    this.#answering ??= this.#askForSnapshot();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>(resolve => {
      timer = setTimeout(resolve, timeout, false);
    });
    const isInTime = await Promise.race([this.#answering.then(() => true), late]);
    clearTimeout(timer);
    return isInTime;
  }

  /** Ends it at once. */
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
   * Node sends nothing more until the worker confirms a descriptor. It does not notice a failed write (ETOOMANYREFS, unix(7)) and waits for
   * ever. So this sends Node the confirmation that the worker would send. If a version of Node does not work this way, other workers take over.
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
      // It is gone; its last metrics stay.
    } finally {
      this.#answering = undefined;
    }
  }
}
