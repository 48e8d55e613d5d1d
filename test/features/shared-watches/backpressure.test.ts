import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { Turns } from '../../../src/features/shared-watches/turns.js';
import type { ClientWriter } from '../../../src/proxy/client-writer.js';
import { ConnectionPool } from '../../../src/transport/connection-pool.js';
import type { BodySink, Lease, ResponseSink } from '../../../src/transport/round-trip.js';
import { createRandom, type Random } from '../../support/random.js';
import { BodyCheck } from '../../support/transport/body-check.js';
import { type ResponsePlan, ScheduledApiServer } from '../../support/transport/scheduled-api-server.js';
import {
  acceptSome,
  deliverSome,
  ScheduledClients,
  writerFor,
} from '../../support/transport/scheduled-clients.js';
import type { ScheduledSocket } from '../../support/transport/scheduled-socket.js';
import { Sharing, turn } from './sharing.js';
import { eventLine } from './watched-server.js';
import { WatchingClient } from './watching-client.js';

/** Steps of all seeds together. */
const steps = Number(process.env['MODEL_STEPS'] ?? 24_000);
const seeds = 6;
/** Steps of one world: by then all its events have been sent. */
const lifetime = 2_000;
/** The most bytes that may wait for one client: the writer's limit, and the events that one call passes to it. */
const mostWaiting = 640 * 1024;
/** The number of turns of the event loop within which an event must reach a client that accepts it. Only some clients get it in each turn. */
const promptTurns = 8;
const firstVersion = 100;

/** All events that the API server will send in one world, in one piece. */
class History {
  readonly bytes: Buffer;
  /** Where the events of each version end, from `firstVersion` on. */
  readonly ends: number[] = [0];

  constructor(random: Random) {
    const lines: string[] = [];
    const largest = random.pick([3_000, 20_000, 200_000]);
    let length = 0;
    // A ring holds 2,000 events.
    for (let version = firstVersion + 1; length < 2_500_000 && lines.length < 1_800; version += 1) {
      const size = random.below(random.pick([100, largest]));
      const line = eventLine(version, String(version).repeat(size / 4));
      lines.push(line);
      length += line.length;
      this.ends.push(length);
    }
    this.bytes = Buffer.from(lines.join(''), 'latin1');
  }

  get last(): number {
    return firstVersion + this.ends.length - 1;
  }

  /** The position after the event of a version. */
  behind(version: number): number {
    return this.ends[version - firstVersion] as number;
  }

  /** The version of the last event that is complete within this number of bytes. */
  versionAt(length: number): number {
    let index = this.ends.findIndex(end => end > length);
    if (index === -1) index = this.ends.length;
    return firstVersion + index - 1;
  }
}

/** One client of the shared watch. */
class Guest {
  readonly client: ScheduledSocket;
  /** Where its watch begins. It is known when the request arrives. */
  version = firstVersion;
  /** How probably it accepts bytes. */
  readonly speed: number;
  readonly check: BodyCheck;
  response: ServerResponse | undefined;
  writer: ClientWriter | undefined;

  constructor(client: ScheduledSocket, speed: number, history: History) {
    this.client = client;
    this.speed = speed;
    this.check = new BodyCheck(() => history.bytes.subarray(history.behind(this.version)));
    client.onTaken = this.check.read;
  }

  /** Whether it gets events, and has accepted all written bytes. */
  get isReady(): boolean {
    return this.writer !== undefined && !this.client.destroyed && this.client.isDrained;
  }
}

/** Clients of one shared watch that read now and then, and an API server that sends now and then. */
class World {
  readonly random: Random;
  readonly history: History;
  readonly sharing: Sharing;
  readonly api: ScheduledApiServer;
  readonly pool: ConnectionPool;
  readonly seen = { whole: 0, left: 0, resumed: 0, paused: 0 };
  guests: Guest[] = [];
  /** The version of the last complete event that the shared watch has got. */
  version = firstVersion;
  /** The oldest version from which a client may join the shared watch: that of its last loss. Undefined while it is lost. */
  #oldest: number | undefined = firstVersion;
  readonly #clients: ScheduledClients;
  readonly #byPath = new Map<string, Guest>();
  #next = 0;

  constructor(seed: number, protocol: 'http/1.1' | 'h2') {
    const random = createRandom(seed);
    this.random = random;
    this.history = new History(random);
    this.api = new ScheduledApiServer(random, path => this.#planFor(path));
    this.pool = new ConnectionPool(
      this.api.dial('http/1.1'),
      protocol === 'h2' ? this.api.dial('h2') : undefined,
    );
    let ticks = 0;
    this.sharing = new Sharing({
      buffer: 100_000_000,
      // Some clients get events in one turn of the event loop.
      turns: new Turns(() => ticks++ * 3),
      random: () => random.below(1_000) / 1_000,
      pool: {
        lease: kind => {
          const lease = this.pool.lease(kind);
          return lease instanceof Promise ? lease.then(this.#watched) : this.#watched(lease);
        },
      },
    });
    this.#clients = new ScheduledClients((path, response) => this.#answer(path, response));
  }

  /** A watch from a version. It ends after some of the events, or stays open. */
  #planFor(path: string): ResponsePlan {
    const { random, history } = this;
    const from = versionOf(path);
    const ends = from < history.last && random.chance(0.7);
    const to = ends ? from + 1 + random.below(history.last - from) : history.last;
    return {
      body: history.bytes.subarray(history.behind(from), history.behind(to)),
      hasLength: false,
      ends,
      largest: random.pick([3000, 9000, 16_384, 60_000, 300_000]),
    };
  }

  /** Records the position of the watch that is sent over this connection, and counts its pauses. */
  readonly #watched = (lease: Lease): Lease => ({
    get isStale() {
      return lease.isStale;
    },
    send: (request, sink) => lease.send(request, this.#counted(request.path, sink)),
    pause: () => {
      this.seen.paused += 1;
      lease.pause();
    },
    resume: () => lease.resume(),
    abort: () => lease.abort(),
  });

  /** Records the position of the watch. */
  #counted(path: string, sink: ResponseSink): ResponseSink {
    const start = this.history.behind(versionOf(path));
    let length = 0;
    const counted = (body: BodySink): BodySink => ({
      data: chunk => {
        length += chunk.length;
        this.version = Math.max(this.version, this.history.versionAt(start + length));
        body.data(chunk);
      },
      idle: () => body.idle(),
    });
    return {
      head: (...head) => {
        this.#oldest ??= this.version;
        return counted(sink.head(...head));
      },
      end: trailers => {
        this.seen.resumed += 1;
        this.#oldest = undefined;
        sink.end(trailers);
      },
      error: error => sink.error(error),
    };
  }

  /** Lets one random event happen. */
  async step(): Promise<void> {
    const { random } = this;
    const what = random.below(1000);
    const guest = this.guests.length === 0 ? undefined : random.pick(this.guests);
    if (what < 40) this.join();
    else if (what < 350) this.send(1 + random.below(20));
    else if (what < 650) this.deliver(1 + random.below(8));
    else if (what < 750) {
      if (guest !== undefined && random.chance(guest.speed)) acceptSome(random, guest.client);
    } else if (what < 800) guest?.client.stopAccepting();
    else if (what < 930) await turn();
    else if (what < 990) await this.checkProgress();
    else if (random.chance(0.1)) await this.leaveAll();
    else if (guest !== undefined) await this.#leave([guest]);
  }

  /** Lets a client join. */
  join(): void {
    const { random, history } = this;
    if (this.guests.length >= 5) return;
    const guest = new Guest(this.#clients.connect(), random.pick([1, 0.3, 0.1]), history);
    const path = `/${this.#next++}`;
    this.#byPath.set(path, guest);
    this.guests.push(guest);
    this.#clients.request(guest.client, path);
  }

  #answer(path: string, response: ServerResponse): void {
    const guest = this.#byPath.get(path) as Guest;
    const { random, version } = this;
    const oldest = this.#oldest ?? version;
    // The watch has all events after this version.
    guest.version = oldest + random.below(random.chance(0.5) ? 1 : version - oldest + 1);
    const writer = writerFor(response, true);
    const trip = this.sharing.shared.send(new WatchingClient({ version: String(guest.version) }), writer);
    writer.trip = trip;
    Object.assign(guest, { response, writer });
    response.once('close', () => {
      if (writer.state === 'over') return;
      writer.close();
      trip.abort();
    });
  }

  send(parts: number): void {
    for (let part = 0; part < parts; part += 1)
      for (const connection of this.api.connections) connection.send();
  }

  deliver(reads: number): void {
    const open = this.api.connections.filter(({ socket }) => socket.hasUnread);
    if (open.length > 0) deliverSome(this.random, this.random.pick(open).socket, reads);
  }

  /** Lets some clients leave. If none is left, another one joins before the watch closes. */
  async #leave(guests: readonly Guest[]): Promise<void> {
    this.seen.left += guests.length;
    for (const { client } of guests) client.destroy();
    this.guests = this.guests.filter(({ client }) => !client.destroyed);
    if (this.guests.length > 0) return;
    this.join();
    for (let count = 0; count < promptTurns; count += 1) await turn();
  }

  /** Lets all clients leave. A watch without a client must not wait. */
  async leaveAll(): Promise<void> {
    const { guests } = this;
    this.guests = [];
    for (const { client } of guests) client.destroy();
    for (let count = 0; count < promptTurns; count += 1) await turn();
    this.#checkFlow('the API server waits although all clients have left');
    await this.#leave(guests);
  }

  /**
   * Lets everything rest for a moment. Then every client that accepts bytes has all events that have come, and the API server may send
   * more if there is such a client.
   */
  async checkProgress(): Promise<void> {
    for (let count = 0; count < promptTurns; count += 1) {
      // A watch that was ended is opened again after a while.
      this.sharing.clock.advance(count === 0 ? 5_000 : 0);
      await turn();
    }
    const ready = this.guests.filter(({ isReady }) => isReady);
    for (const { client, check, version, writer } of ready) {
      assert.notEqual(writer?.state, 'over', 'the watch goes on');
      // It may have accepted everything in the meantime, and then more may have been written.
      if (!client.isDrained) continue;
      const expected = this.history.behind(Math.max(this.version, version)) - this.history.behind(version);
      assert.equal(check.length, expected, 'a client that reads lacks events');
    }
    for (const { response } of this.guests) {
      const waiting = response?.writableLength ?? 0;
      assert.ok(waiting <= mostWaiting, `${waiting} bytes wait for a client`);
    }
    if (ready.length > 0) this.#checkFlow('the API server waits although a client reads');
  }

  #checkFlow(message: string): void {
    for (const served of this.api.responses.values()) {
      if (!served.isOver && !served.connection.socket.destroyed) assert.ok(served.isFlowing, message);
    }
  }

  /** Lets all clients accept everything, and the API server send everything. */
  async settle(): Promise<void> {
    if (this.guests.length === 0) this.join();
    const isLeft = () =>
      this.guests.some(({ check, version }) => {
        const { bytes } = this.history;
        return check.length < bytes.length - this.history.behind(version);
      });
    for (let round = 0; isLeft(); round += 1) {
      assert.ok(round < 2000, 'some clients never get all events');
      this.sharing.clock.advance(5_000);
      for (const { client } of this.guests) client.accept(1_000_000);
      this.send(20);
      for (const { socket } of this.api.connections) deliverSome(this.random, socket, 20);
      await turn();
    }
    this.seen.whole += this.guests.length;
    for (const { client } of this.guests) client.destroy();
    this.sharing.clock.advance(60_000);
    await turn();
    this.pool.destroy();
    await turn();
  }
}

function versionOf(path: string): number {
  return Number(/resourceVersion=(\d+)/.exec(path)?.[1]);
}

for (const protocol of ['http/1.1', 'h2'] as const) {
  describe(`a shared watch over ${protocol} with clients that read now and then`, () => {
    const seen = { whole: 0, left: 0, resumed: 0, paused: 0 };

    for (let seed = 1; seed <= seeds; seed += 1) {
      it(`continues as soon as one client reads, and gives each its events (seed ${seed})`, async () => {
        for (let done = 0; done < steps / seeds / 2; done += lifetime) {
          const world = new World(seed + 1000 * done, protocol);
          for (let step = 0; step < lifetime; step += 1) await world.step();
          await world.settle();
          for (const what of Object.keys(seen) as (keyof typeof seen)[]) seen[what] += world.seen[what];
        }
      });
    }

    it('sees everything happen that can happen', () => {
      for (const [what, count] of Object.entries(seen)) assert.ok(count > 10, `${what}: ${count}`);
    });
  });
}
