import type { Worker } from 'node:cluster';
import type { Socket } from 'node:net';
import type { Snapshot } from '../observability/metrics/snapshot.js';
import { type Answers, Channel } from './channel.js';
import type { ToldByPrimary, ToldByWorker, ToPrimary, ToWorker } from './messages.js';

/** What the primary does with what a worker says. */
interface MemberEvents {
  readonly answers: Answers<ToldByPrimary>;
  readonly onMessage: (member: Member, message: ToPrimary) => void;
  readonly onExit: (member: Member, code: number | null, signal: string | null) => void;
}

/** A connection on its way to a worker. This process keeps its own descriptor of it until it has arrived. */
interface Handed {
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
  /** Its place among the workers: that of a worker that died goes to the one in its stead. */
  readonly number: number;
  readonly startedAt = performance.now();
  isServing = false;
  /** Connections that it has. */
  connections = 0;
  /** When it was last given one. */
  givenAt = 0;
  /** What it last told of its metrics. */
  snapshot: Snapshot = [];
  readonly #process: Worker;
  readonly #channel: Channel<ToldByWorker, ToldByPrimary, ToPrimary>;
  #answering: Promise<void> | undefined;
  /** Never more than one: the others wait in the primary, where they are not lost with the worker. */
  #handed: Handed | undefined;

  constructor(number: number, process: Worker, { answers, onMessage, onExit }: MemberEvents) {
    this.number = number;
    this.#process = process;
    this.#channel = new Channel<ToldByWorker, ToldByPrimary, ToPrimary>(
      // A worker that is gone is heard of by its exit.
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
      // The worker may have read from the connection, so nobody else can have it.
      this.taken();
      onExit(this, code, signal);
    });
  }

  get pid(): number | undefined {
    return this.#process.process.pid;
  }

  /** Whether it can be given a connection now. */
  get isFree(): boolean {
    return this.isServing && this.#handed === undefined && this.#process.isConnected();
  }

  tell(message: ToWorker): void {
    this.#process.send(message, () => {});
  }

  /** Sends it a connection; calls `onFailure` if that does not arrive and nothing has been read from it. */
  hand(socket: Socket, onFailure: () => void): void {
    const handed: Handed = { socket, onFailure, isWritten: false, signs: 0 };
    this.#handed = handed;
    this.connections += 1;
    this.givenAt = performance.now();
    // Without keepOpen, Node closes a connection that it cannot send.
    this.#process.send({ type: 'connection' } satisfies ToWorker, socket, { keepOpen: true }, error => {
      handed.isWritten = true;
      if (error !== null && this.#handed === handed) this.#failed();
    });
  }

  /** To be called when the connection has arrived, or was lost with the worker. */
  taken(): void {
    this.#handed?.socket.destroy();
    this.#handed = undefined;
  }

  /** To be called at each sign of life, which comes once a second. */
  lives(): void {
    if (this.#handed === undefined || !this.#handed.isWritten) return;
    this.#handed.signs += 1;
    if (this.#handed.signs < signsEnough) return;
    this.#endWait();
    this.#failed();
  }

  /** Asks for its metrics; false when it has not answered within so many milliseconds, in which case the answer is kept when it comes. */
  async refreshSnapshot(timeout: number): Promise<boolean> {
    // One that owes an answer is not asked again.
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
    const handed = this.#handed;
    if (handed === undefined) return;
    this.#handed = undefined;
    this.connections -= 1;
    handed.onFailure();
  }

  /**
   * Node sends nothing more until the worker confirms a descriptor. It does not notice a failed write (ETOOMANYREFS, unix(7)) and waits for
   * ever. So this gives Node the confirmation that the worker would send. If a version of Node does not work this way, other workers take over.
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
      // It is gone, and what it told last is what is left.
    } finally {
      this.#answering = undefined;
    }
  }
}
