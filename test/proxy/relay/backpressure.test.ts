import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Relay } from '../../../src/proxy/relay/relay.js';
import { ReadBuffer } from '../../../src/transport/read-buffer.js';
import { createRandom, type Random } from '../../support/random.js';
import { acceptSome, deliverSome, ScheduledSocket } from '../../support/transport/scheduled-socket.js';

/** Steps of all seeds together. */
const steps = Number(process.env['MODEL_STEPS'] ?? 120_000);
const seeds = 12;
/** The most bytes that may wait on one side: the relay's limit, and what one turn of the event loop reads. */
const mostWaiting = 512 * 1024;
/** What was read has to be written to a side that accepts it within so many turns of the event loop. */
const promptTurns = 3;

const content = Buffer.alloc(
  3 * 1024 * 1024,
  Buffer.from(Array.from({ length: 9973 }, (_, at) => (at * 7) % 251)),
);

/** One direction of an upgraded connection, and what is known of it. */
class Direction {
  readonly from: ScheduledSocket;
  readonly to: ScheduledSocket;
  readonly length: number;
  sent = 0;
  read = 0;
  written = 0;
  hasEnded = false;
  pauses = 0;

  constructor(from: ScheduledSocket, to: ScheduledSocket, length: number) {
    this.from = from;
    this.to = to;
    this.length = length;
    to.onTaken = bytes => {
      assert.ok(bytes.equals(content.subarray(this.written, this.written + bytes.length)), 'wrong bytes');
      this.written += bytes.length;
    };
    from.on('pause', () => {
      this.pauses += 1;
    });
  }

  send(limit: number): void {
    const part = content.subarray(this.sent, Math.min(this.sent + limit, this.length));
    this.sent += part.length;
    this.from.offer(part);
  }

  deliver(random: Random, reads: number): void {
    this.read += deliverSome(random, this.from, reads);
  }

  /** The sender has sent everything, and ends its side. */
  endIfComplete(): void {
    if (this.hasEnded || this.read < this.length) return;
    this.hasEnded = true;
    this.from.deliverEnd();
  }

  get isOver(): boolean {
    return this.hasEnded && this.to.writableFinished;
  }

  check(): void {
    assert.ok(this.to.writableLength <= mostWaiting, `${this.to.writableLength} bytes wait`);
    if (!this.to.isDrained || this.hasEnded || this.to.destroyed || this.from.destroyed) return;
    assert.ok(this.from.isReading, 'reading is paused for a side that has taken all');
    assert.equal(this.written, this.read, 'bytes that were read are not written');
  }
}

/** An upgraded connection: each side sends bytes to the other one. */
class Pair {
  readonly client = new ScheduledSocket();
  readonly #buffer = new ReadBuffer();
  #toClient: Relay | undefined;
  readonly upstream = new ScheduledSocket({
    buffer: this.#buffer.next,
    callback: (length, bytes) => {
      this.#buffer.wasRead(length);
      this.#buffer.lend((bytes as Buffer).subarray(0, length), this.#toClient as Relay);
      return true;
    },
  });
  readonly directions: readonly Direction[];
  /** How probably the two sides accept bytes. */
  readonly speed: number;
  isCut = false;

  constructor(random: Random) {
    const length = () => random.pick([0, 10, 100_000, 1_000_000, 3_000_000]);
    const up = new Direction(this.client, this.upstream, length());
    const down = new Direction(this.upstream, this.client, length());
    this.directions = [up, down];
    this.speed = random.pick([1, 0.3, 0.1]);
    const [client, upstream] = [this.client as unknown as Socket, this.upstream as unknown as Socket];
    // What comes from the client before the relay begins waits in the socket.
    up.send(random.below(50_000));
    if (random.chance(0.5)) up.deliver(random, 1);
    new Relay(client, upstream).copyEvents();
    this.#toClient = new Relay(upstream, client);
    this.#toClient.start();
  }

  get isOver(): boolean {
    return this.isCut || this.directions.every(({ isOver }) => isOver);
  }

  destroy(): void {
    this.client.destroy();
    this.upstream.destroy();
  }
}

class World {
  readonly random: Random;
  readonly seen = { whole: 0, paused: 0, cut: 0 };
  pairs: Pair[] = [];

  constructor(seed: number) {
    this.random = createRandom(seed);
  }

  async step(): Promise<void> {
    const { random } = this;
    if (this.pairs.length < 3) this.pairs.push(new Pair(random));
    const pair = random.pick(this.pairs);
    const direction = random.pick(pair.directions);
    const what = random.below(1000);
    if (what < 250) direction.send(1 + random.below(random.pick([100, 20_000, 300_000])));
    else if (what < 600) direction.deliver(random, 1 + random.below(8));
    else if (what < 700) {
      if (random.chance(pair.speed)) acceptSome(random, direction.to);
    } else if (what < 780) direction.to.stopAccepting();
    else if (what < 800) direction.endIfComplete();
    else if (what < 940) await turn();
    else if (what < 998) await this.checkProgress();
    else if (random.chance(0.3)) {
      this.seen.cut += 1;
      pair.isCut = true;
      pair.destroy();
    }
    this.#tidy();
  }

  /** Nobody does anything for a moment. Then each side that accepts bytes has all that was read for it. */
  async checkProgress(): Promise<void> {
    for (let count = 0; count < promptTurns; count += 1) await turn();
    for (const { directions } of this.pairs) for (const direction of directions) direction.check();
  }

  #tidy(): void {
    this.pairs = this.pairs.filter(pair => {
      if (!pair.isOver) return true;
      for (const { written, length, pauses } of pair.directions) {
        this.seen.paused += pauses;
        if (pair.isCut) continue;
        assert.equal(written, length);
        this.seen.whole += 1;
      }
      pair.destroy();
      return false;
    });
  }

  /** Both sides accept everything, and send everything. */
  async settle(): Promise<void> {
    for (let round = 0; this.pairs.length > 0; round += 1) {
      assert.ok(round < 1000, `${this.pairs.length} upgraded connections never end`);
      for (const direction of this.pairs.flatMap(({ directions }) => directions)) {
        direction.to.accept(1_000_000);
        direction.send(300_000);
        direction.deliver(this.random, 20);
        direction.endIfComplete();
      }
      await turn();
      this.#tidy();
    }
  }
}

describe('a relay between two sides that read now and then', () => {
  const seen = { whole: 0, paused: 0, cut: 0 };

  for (let seed = 1; seed <= seeds; seed += 1) {
    it(`copies on as soon as a side reads, and copies all bytes (seed ${seed})`, async () => {
      const world = new World(seed);
      for (let step = 0; step < steps / seeds; step += 1) await world.step();
      await world.settle();
      for (const what of Object.keys(seen) as (keyof typeof seen)[]) seen[what] += world.seen[what];
    });
  }

  it('sees everything happen that can happen', () => {
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `${what} never happens`);
  });
});
