import type { Worker } from 'node:cluster';
import type { Socket } from 'node:net';
import type { Snapshot } from '../observability/metrics.js';
import { type Answers, Channel } from './channel.js';
import type { ToldByPrimary, ToldByWorker, ToPrimary, ToWorker } from './messages.js';

/** What the primary does with what a worker says. */
interface MemberEvents {
  readonly answers: Answers<ToldByPrimary>;
  readonly onMessage: (member: Member, message: ToPrimary) => void;
  readonly onExit: (member: Member, code: number | null, signal: string | null) => void;
}

/** One worker, as the primary sees it. */
export class Member {
  /** Its place among the workers: that of a worker that died goes to the one in its stead. */
  readonly number: number;
  readonly startedAt = performance.now();
  isServing = false;
  /** Whether a connection is on its way to it: there is never more than one, for those that wait here are not lost with it. */
  isBusy = false;
  /** Connections that it has. */
  connections = 0;
  /** When it was last given one. */
  givenAt = 0;
  /** What it last told of its metrics. */
  snapshot: Snapshot = [];
  readonly #process: Worker;
  readonly #channel: Channel<ToldByWorker, ToldByPrimary, ToPrimary>;
  #answering: Promise<void> | undefined;

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
    process.once('exit', (code: number | null, signal: string | null) => {
      this.isServing = false;
      this.#channel.close();
      onExit(this, code, signal);
    });
  }

  get pid(): number | undefined {
    return this.#process.process.pid;
  }

  /** Whether it can be given a connection now. */
  get isFree(): boolean {
    return this.isServing && !this.isBusy && this.#process.isConnected();
  }

  tell(message: ToWorker): void {
    this.#process.send(message, () => {});
  }

  /** Gives it a connection; `onFailure` is called when that stays here. */
  hand(socket: Socket, onFailure: () => void): void {
    this.isBusy = true;
    this.connections += 1;
    this.givenAt = performance.now();
    this.#process.send({ type: 'connection' } satisfies ToWorker, socket, error => {
      if (error !== null) onFailure();
    });
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
