import type { Socket } from 'node:net';
import { createProgram, type ProcessInfo, type Program } from '../app/compose.js';
import { drain } from '../app/drain.js';
import { createHealth } from '../endpoints/health.js';
import { createLogger, flushed, type Logger } from '../observability/log/logger.js';
import { type ConnectionReceiver, receiveConnections } from './accepted-connections.js';
import { Channel } from './channel.js';
import type { QuestionsToPrimary, QuestionsToWorker, Start, ToPrimary, ToWorker } from './messages.js';
import { createRemoteAuditLog } from './remote-audit-log.js';
import { createSharedClusters, type SharedClusters } from './shared-clusters.js';

/** The pipe to the primary, and the process itself. */
export interface Parent {
  send(message: object): void;
  onMessage(listener: (message: ToWorker, socket: Socket | undefined) => void): void;
  /** From this call on, uncaught errors are counted and logged, and the log is written out before the process ends. */
  surviveErrors(logger: Logger, count: () => void): void;
  exit(code: number): void;
  /** Ends the process because of an unexpected error. */
  fail(error: Error): void;
}

type WorkerChannel = Channel<QuestionsToPrimary, QuestionsToWorker, ToWorker>;

/** Milliseconds during which ended connections are collected into one message. */
const closedInterval = 20;
/** Milliseconds between two `alive` messages. */
const aliveInterval = 1_000;

/**
 * Serves the connections that the primary sends, with the credentials that the primary shares, until the primary sends `drain` or is gone.
 */
export function runWorker(parent: Parent, info: Omit<ProcessInfo, 'logger'>): void {
  const send = (message: ToPrimary) => parent.send(message);
  let running: { program: Program; logger: Logger; receiver: ConnectionReceiver } | undefined;
  let clusters: SharedClusters | undefined;

  const start = async ({ worker, options, logging, ...first }: Start): Promise<void> => {
    const logger = createLogger({ ...logging, shared: { worker } });
    parent.surviveErrors(logger, () => running?.program.metrics.workers.uncaught());
    const shared = createSharedClusters(channel, first);
    clusters = shared;
    const program = await createProgram(
      options,
      { ...info, logger },
      {
        follow: shared.follow,
        fetchDiscovery: (cluster, path, accept) =>
          channel.ask('discovery', { cluster: cluster.name, path, accept }),
        openAudit: async (_options, { metrics }) =>
          createRemoteAuditLog(
            { send: lines => send({ type: 'audit', lines }), heard: () => channel.ask('heard', undefined) },
            metrics,
          ),
        clusterStates: { states: () => channel.ask('clusters', undefined) },
        exposition: { render: accept => channel.ask('metrics', accept) },
        health: { ...createHealth([]), readyz: query => channel.ask('readyz', query) },
      },
    );
    if ('problems' in program) {
      send({ type: 'failed', problems: program.problems });
      await flushed(logger);
      return parent.exit(1);
    }
    const receiver = receiveConnections(program.app, noteClosed);
    await program.app.ready();
    running = { program, logger, receiver };
    program.discover();
    send({ type: 'serving' });
    setInterval(() => send({ type: 'alive' }), aliveInterval).unref();
  };

  const leave = async (grace: number): Promise<void> => {
    if (running === undefined) return parent.exit(0);
    await drain(running.program, { delay: 0, grace });
    await flushed(running.logger);
    parent.exit(0);
  };

  const channel: WorkerChannel = new Channel<QuestionsToPrimary, QuestionsToWorker, ToWorker>(parent.send, {
    answers: { snapshot: async () => (await running?.program.metrics.snapshot()) ?? [] },
    onMessage(message) {
      switch (message.type) {
        case 'start':
          start(message.start).catch((err: Error) => parent.fail(err));
          break;
        case 'endpoint':
        case 'contexts':
        case 'credential':
          clusters?.take(message);
          break;
        case 'level':
          if (running !== undefined) running.logger.level = message.level;
          break;
        case 'drain':
          void leave(message.grace);
          break;
        case 'connection':
          break;
      }
    },
  });
  const noteClosed = createCounter(count => send({ type: 'closed', count }));
  parent.onMessage((message, socket) => {
    if (message.type !== 'connection') return channel.receive(message);
    send({ type: 'taken' });
    // If the client has closed the connection meanwhile, no socket arrives.
    if (socket === undefined) noteClosed();
    else running?.receiver.take(socket);
  });
  send({ type: 'hello' });
}

/** Counts calls, and reports their number at intervals. */
function createCounter(report: (count: number) => void): () => void {
  let count = 0;
  return () => {
    count += 1;
    if (count > 1) return;
    setTimeout(() => {
      report(count);
      count = 0;
    }, closedInterval);
  };
}
