import type { Worker } from 'node:cluster';
import { backoffAfter } from '../lib/backoff.js';
import type { Logger } from '../observability/log/logger.js';
import type { Metrics } from '../observability/metrics/metrics.js';
import { addCounters, type Snapshot } from '../observability/metrics/snapshot.js';
import type { Answers } from './channel.js';
import { Distributor } from './distributor.js';
import { Member } from './member.js';
import type { QuestionsToPrimary, Start, ToPrimary, ToWorker } from './messages.js';

/** What the pool needs to make workers. */
export interface PoolOptions {
  readonly size: number;
  readonly fork: () => Worker;
  /** Returns what a new worker needs to start; called for each one. */
  readonly start: () => Omit<Start, 'worker'>;
  readonly answers: Answers<QuestionsToPrimary>;
  /** Called with lines for the audit log. */
  readonly onAudit: (lines: string) => void;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Milliseconds. If a worker dies sooner than this after its start, its replacement may start later. */
const soundAfter = 60_000;
/** Milliseconds that a scrape waits for a worker's answer. */
const answerTimeout = 2_000;
/** Milliseconds after the grace period before workers are killed. */
const leeway = 500;

/** The workers. A worker that dies is replaced. If workers of one number keep dying, the wait before each replacement grows. */
export class Pool {
  readonly distributor = new Distributor(() => this.#members.values());
  readonly #options: PoolOptions;
  readonly #members = new Map<number, Member>();
  /** The number of deaths in a row, by the worker's number. */
  readonly #deaths = new Map<number, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** The counters of dead workers. */
  #retired: Snapshot = [];
  #isLeaving = false;
  #started: { resolve: () => void; reject: (problems: readonly string[]) => void } | undefined;
  #left: (() => void) | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    options.metrics.workers.serving(0);
  }

  /** The number of workers that serve. */
  get serving(): number {
    let count = 0;
    for (const { isServing } of this.#members.values()) if (isServing) count += 1;
    return count;
  }

  /** Starts the workers. Resolves when all of them serve; rejects with the problems of the first one that cannot start. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#started = { resolve, reject };
      for (let number = 1; number <= this.#options.size; number += 1) this.#fork(number);
    });
  }

  send(message: ToWorker): void {
    for (const member of this.#members.values()) member.send(message);
  }

  /**
   * The metrics of all workers, including dead ones. Waits two seconds for each worker; if it does not answer in time, its last snapshot is
   * used.
   */
  async snapshots(): Promise<Snapshot[]> {
    const members = [...this.#members.values()].filter(({ isServing }) => isServing);
    const answered = await Promise.all(members.map(member => member.refreshSnapshot(answerTimeout)));
    this.#options.metrics.workers.unanswered(answered.filter(isInTime => !isInTime).length);
    return [...[...this.#members.values()].map(({ snapshot }) => snapshot), this.#retired];
  }

  /** Makes every worker drain. Resolves when all have ended. Workers that take too long are killed. */
  async drain(grace: number): Promise<void> {
    this.#leave();
    this.send({ type: 'drain', grace });
    for (const member of this.#members.values()) if (!member.isServing) member.kill();
    const timer = setTimeout(() => this.kill(), grace + leeway);
    if (this.#members.size > 0) await new Promise<void>(resolve => (this.#left = resolve));
    clearTimeout(timer);
  }

  /** Ends every worker immediately. */
  kill(): void {
    this.#leave();
    for (const member of this.#members.values()) member.kill();
  }

  #leave(): void {
    this.#isLeaving = true;
    this.distributor.close();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #fork(number: number): void {
    const { fork, answers } = this.#options;
    const member = new Member(number, fork(), {
      answers,
      onMessage: (from, message) => this.#receive(from, message),
      onExit: (from, code, signal) => this.#exited(from, code, signal),
    });
    this.#members.set(number, member);
  }

  #receive(member: Member, message: ToPrimary): void {
    const { start, onAudit, logger } = this.#options;
    switch (message.type) {
      case 'hello':
        member.send({ type: 'start', start: { ...start(), worker: member.number } });
        break;
      case 'failed':
        if (this.#started === undefined)
          logger.error({ worker: member.number, ...message }, 'a worker cannot start');
        else this.#started.reject(message.problems);
        break;
      case 'serving':
        this.#serves(member);
        break;
      case 'taken':
        member.taken();
        this.distributor.next();
        break;
      case 'alive':
        member.lives();
        break;
      case 'closed':
        member.connections -= message.count;
        break;
      case 'audit':
        onAudit(message.lines);
        break;
    }
  }

  #serves(member: Member): void {
    const { logger, metrics, size } = this.#options;
    member.isServing = true;
    metrics.workers.serving(this.serving);
    logger.info({ worker: member.number, pid: member.pid }, 'worker serves');
    this.distributor.next();
    if (this.serving < size) return;
    this.#started?.resolve();
    this.#started = undefined;
  }

  #exited(member: Member, code: number | null, signal: string | null): void {
    const { number } = member;
    const { logger, metrics } = this.#options;
    this.#members.delete(number);
    this.#retired = addCounters([this.#retired, member.snapshot]);
    metrics.workers.serving(this.serving);
    if (this.#isLeaving) {
      if (this.#members.size === 0) this.#left?.();
      return;
    }
    const how = signal === null ? `with code ${code}` : `by ${signal}`;
    if (this.#started !== undefined) {
      this.#started.reject([`--workers: worker ${number} ended ${how} before it could serve`]);
      return;
    }
    const isSound = performance.now() - member.startedAt >= soundAfter;
    const deaths = isSound ? 1 : (this.#deaths.get(number) ?? 0) + 1;
    this.#deaths.set(number, deaths);
    // After a single death, the replacement starts without a wait.
    const delay = deaths === 1 ? 0 : backoffAfter(deaths - 1);
    logger.error(
      { worker: number, pid: member.pid, code, signal, deaths, restartAfterSeconds: delay / 1000 },
      'a worker died and is replaced',
    );
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      metrics.workers.restarted();
      this.#fork(number);
    }, delay);
    this.#timers.add(timer);
  }
}
