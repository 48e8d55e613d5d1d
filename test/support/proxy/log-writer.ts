import { createLogger, flushed, flushSync } from '../../../src/observability/log/logger.js';

/**
 * A program that writes numbered lines to its standard error and exits: when it has nothing left to do, by process.exit, by an
 * uncaught exception, or when its last line is written.
 */
const [count, size, way] = process.argv.slice(2);
const logger = createLogger({ level: 'info', format: 'json' });
process.on('exit', () => flushSync(logger));
for (let number = 0; number < Number(count); number++) {
  logger.info({ number, text: 'é'.repeat(Number(size)) }, 'line');
}
if (way === 'exit') process.exit(3);
if (way === 'throw') throw new Error('nobody catches this');
if (way === 'flush') void flushed(logger).then(() => process.exit(3));
