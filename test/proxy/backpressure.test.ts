import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ClientWriter } from '../../src/proxy/client-writer.js';
import { ConnectionPool } from '../../src/transport/connection-pool.js';
import type { RoundTrip } from '../../src/transport/round-trip.js';
import { UpstreamCall } from '../../src/transport/upstream-call.js';
import { createRandom, type Random } from '../support/random.js';
import { BodyCheck } from '../support/transport/body-check.js';
import { type ResponsePlan, ScheduledApiServer } from '../support/transport/scheduled-api-server.js';
import {
  acceptSome,
  deliverSome,
  ScheduledClients,
  writerFor,
} from '../support/transport/scheduled-clients.js';
import type { ScheduledSocket } from '../support/transport/scheduled-socket.js';
import { accessTo, onlySource, upstreamRequestTo } from '../support/transport/upstream-requests.js';

/** Steps of all seeds together. */
const steps = Number(process.env['MODEL_STEPS'] ?? 36_000);
const seeds = 12;
/** The most bytes that may wait for one client: the writer's limit, and what comes after the pause. */
const mostWaiting = { 'http/1.1': 448 * 1024, h2: 704 * 1024 };
/** The number of turns of the event loop within which written bytes must reach a client that accepts them. */
const promptTurns = 3;

const content = Buffer.alloc(
  2 * 1024 * 1024,
  Buffer.from(Array.from({ length: 9973 }, (_, at) => (at * 7) % 251)),
);

/** For a request whose client has left. */
const nothing: ResponsePlan = { body: Buffer.alloc(0), hasLength: true, ends: true, largest: 1 };

type Protocol = keyof typeof mostWaiting;

/** One request of one client, and its answer. */
class Exchange {
  readonly path: string;
  readonly client: ScheduledSocket;
  readonly plan: ResponsePlan;
  readonly isWatch: boolean;
  /** How probably the client accepts bytes. */
  readonly speed: number;
  readonly check: BodyCheck;
  response: ServerResponse | undefined;
  writer: ClientWriter | undefined;
  trip: RoundTrip | undefined;
  /** Bytes of the body that the writer has received. */
  passed = 0;
  isPaused = false;
  /** Whether the program has ended the answer before its end. */
  isEnded = false;

  constructor(path: string, client: ScheduledSocket, plan: ResponsePlan, isWatch: boolean, speed: number) {
    this.path = path;
    this.client = client;
    this.speed = speed;
    this.plan = plan;
    this.isWatch = isWatch;
    this.check = new BodyCheck(() => plan.body);
    client.onTaken = this.check.read;
  }

  /** Whether the client has all that it waits for. */
  get isWhole(): boolean {
    if (!this.plan.ends) return this.check.length === this.plan.body.length;
    return this.check.isWhole && this.response?.writableFinished === true;
  }

  get isGone(): boolean {
    return this.client.destroyed || (this.isEnded && this.response?.writableFinished === true);
  }
}

/** Clients, an API server, and between them the proxy's own connections and writers. All of them do something at random moments. */
class World {
  readonly random: Random;
  readonly protocol: Protocol;
  readonly api: ScheduledApiServer;
  readonly pool: ConnectionPool;
  readonly seen = { whole: 0, paused: 0, left: 0, broken: 0, ended: 0 };
  exchanges: Exchange[] = [];
  readonly #clients: ScheduledClients;
  readonly #idleClients: ScheduledSocket[] = [];
  #next = 0;

  constructor(seed: number, protocol: Protocol) {
    const random = createRandom(seed);
    this.random = random;
    this.protocol = protocol;
    this.api = new ScheduledApiServer(random, path => this.#find(path)?.plan ?? nothing);
    this.pool = new ConnectionPool(this.api.dial('http/1.1'), this.api.dial('h2'));
    this.#clients = new ScheduledClients((path, response) => this.#answer(path, response));
  }

  /** Lets one random event happen. */
  async step(): Promise<void> {
    const { random } = this;
    const what = random.below(100);
    const exchange = this.exchanges.length === 0 ? undefined : random.pick(this.exchanges);
    if (what < 6) this.begin();
    else if (what < 30) this.send(1 + random.below(40));
    else if (what < 65) this.deliver(1 + random.below(8));
    else if (what < 75) this.#accept(exchange);
    else if (what < 83) exchange?.client.stopAccepting();
    else if (what < 94) await turn();
    else if (what < 99) await this.checkProgress();
    else this.#trouble(exchange);
    this.#tidy();
  }

  /** Lets a client send a request, on a new connection or on one that has had an answer. */
  begin(): void {
    if (this.exchanges.length >= 4) return;
    const { random } = this;
    const isWatch = random.chance(0.5);
    const length = random.pick([0, 10, 5000, 300_000, 600_000, 1_300_000]);
    const body = content.subarray(random.below(5000)).subarray(0, length);
    const plan = {
      body,
      hasLength: !isWatch && random.chance(0.5),
      ends: !isWatch || random.chance(0.5),
      largest: Math.max(body.length / 500, random.pick([20, 3000, 9000, 16_384, 60_000, 1_300_000])),
    };
    const client = (random.chance(0.5) ? this.#idleClients.pop() : undefined) ?? this.#clients.connect();
    const path = `/${this.#next++}`;
    const exchange = new Exchange(path, client, plan, isWatch, random.pick([1, 0.3, 0.1]));
    this.exchanges.push(exchange);
    this.#clients.request(client, path);
  }

  #find(path: string): Exchange | undefined {
    return this.exchanges.find(exchange => exchange.path === path);
  }

  #answer(path: string, response: ServerResponse): void {
    const exchange = this.#find(path);
    // The client may have left before its request was read.
    if (exchange === undefined) {
      response.destroy();
      return;
    }
    const writer = writerFor(response, exchange.isWatch);
    const data = writer.data.bind(writer);
    writer.data = chunk => {
      exchange.passed += chunk.length;
      data(chunk);
    };
    const trip = new UpstreamCall(
      onlySource(accessTo(this.pool)),
      upstreamRequestTo(path, { connection: this.protocol === 'h2' ? 'shared' : 'any' }),
      writer,
    );
    writer.trip = {
      pause: () => {
        assert.equal(exchange.isPaused, false);
        exchange.isPaused = true;
        this.seen.paused += 1;
        trip.pause();
      },
      resume: () => {
        exchange.isPaused = false;
        trip.resume();
      },
      abort: () => trip.abort(),
    };
    trip.start();
    Object.assign(exchange, { writer, trip, response });
    response.once('close', () => {
      if (writer.state === 'over') return;
      writer.close();
      trip.abort();
    });
  }

  /** Lets the client accept bytes, now or soon. A slow client seldom does. */
  #accept(exchange: Exchange | undefined): void {
    const { random } = this;
    if (exchange === undefined || !random.chance(exchange.speed)) return;
    acceptSome(random, exchange.client);
  }

  /** Lets the API server send this number of parts of its responses. */
  send(parts: number): void {
    const open = this.api.connections.filter(({ socket }) => !socket.destroyed);
    for (let part = 0; part < parts && open.length > 0; part += 1) this.random.pick(open).send();
  }

  /** Delivers this number of reads together. */
  deliver(reads: number): void {
    const { random } = this;
    const open = this.api.connections.filter(({ socket }) => socket.hasUnread);
    if (open.length > 0) deliverSome(random, random.pick(open).socket, reads);
  }

  #trouble(exchange: Exchange | undefined): void {
    const { random, seen } = this;
    if (exchange === undefined || random.chance(0.5)) return;
    const { writer, trip } = exchange;
    if (random.chance(0.4)) {
      seen.left += 1;
      exchange.client.destroy();
    } else if (random.chance(0.2)) {
      seen.broken += 1;
      const open = this.api.connections.filter(({ socket }) => !socket.destroyed);
      if (open.length > 0) random.pick(open).socket.destroy();
    } else {
      seen.ended += 1;
      exchange.isEnded = true;
      writer?.endEarly(new Error('the program ends'));
      trip?.abort();
    }
  }

  /** Removes the requests that are complete or cut. */
  #tidy(): void {
    const over = this.exchanges.filter(({ isGone, isWhole }) => isGone || isWhole);
    for (const { client, plan, check, isGone, path } of over) {
      this.api.responses.delete(path);
      if (isGone || !plan.ends) client.destroy();
      else this.#idleClients.push(client);
      if (isGone) continue;
      this.seen.whole += 1;
      assert.equal(check.length, plan.body.length);
    }
    this.exchanges = this.exchanges.filter(exchange => !over.includes(exchange));
    const { connections } = this.api;
    for (let at = connections.length - 1; at >= 0; at -= 1) {
      if (connections[at]?.socket.destroyed === true) connections.splice(at, 1);
    }
  }

  /** Lets everything rest for a moment. Then every client that accepts bytes has all that was read, and nothing is paused for it. */
  async checkProgress(): Promise<void> {
    for (let count = 0; count < promptTurns; count += 1) await turn();
    for (const exchange of this.exchanges) {
      const { client, response, writer } = exchange;
      const waiting = response?.writableLength ?? 0;
      assert.ok(waiting <= mostWaiting[this.protocol], `${waiting} bytes wait for a client`);
      if (!client.isDrained || client.destroyed || writer === undefined || writer.state === 'over') continue;
      assert.equal(exchange.isPaused, false, 'paused for a client that has taken all');
      assert.equal(exchange.check.length, exchange.passed, 'bytes that have been read stay in the writer');
      const served = this.api.responses.get(exchange.path);
      if (served === undefined || served.isOver || served.connection.socket.destroyed) continue;
      assert.ok(served.isFlowing, 'the API server waits for a client that has taken all');
    }
  }

  /** Lets all clients accept everything, and the API server send everything. */
  async settle(): Promise<void> {
    for (let round = 0; this.exchanges.length > 0; round += 1) {
      assert.ok(round < 2000, `${this.exchanges.length} answers never end`);
      for (const { client } of this.exchanges) client.accept(1_000_000);
      this.send(50);
      for (const { socket } of [...this.api.connections]) {
        for (let read = 0; read < 20; read += 1) socket.deliver(16_384);
      }
      await turn();
      this.#tidy();
    }
  }

  async close(): Promise<void> {
    for (const client of this.#idleClients) client.destroy();
    this.pool.destroy();
    await turn();
  }
}

for (const protocol of ['http/1.1', 'h2'] as const) {
  describe(`answers of an API server over ${protocol} to clients that read now and then`, () => {
    const seen = { whole: 0, paused: 0, left: 0, broken: 0, ended: 0 };

    for (let seed = 1; seed <= seeds; seed += 1) {
      it(`continue as soon as the client reads, and arrive whole (seed ${seed})`, async () => {
        const world = new World(seed, protocol);
        for (let step = 0; step < steps / seeds / 2; step += 1) await world.step();
        await world.settle();
        await world.close();
        for (const what of Object.keys(seen) as (keyof typeof seen)[]) seen[what] += world.seen[what];
      });
    }

    it('see everything happen that can happen', () => {
      for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `${what} never happens`);
    });
  });
}
