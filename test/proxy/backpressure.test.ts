import assert from 'node:assert/strict';
import http, { type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ClientWriter } from '../../src/proxy/client-writer.js';
import { ConnectionPool } from '../../src/transport/connection-pool.js';
import { ResponseParser } from '../../src/transport/http1/response-parser.js';
import { createRandom, type Random } from '../support/random.js';
import { requestTo } from '../support/transport/recorded-response.js';
import { acceptSome, deliverSome, ScheduledSocket } from '../support/transport/scheduled-socket.js';

/** Steps of all seeds together. */
const steps = Number(process.env['MODEL_STEPS'] ?? 18_000);
const seeds = 12;
/** The most bytes that may wait for one client: the writer's limit, and what comes after the pause. */
const mostWaiting = 448 * 1024;
/** The number of turns of the event loop within which written bytes must reach a client that accepts them. */
const promptTurns = 3;

const content = Buffer.alloc(
  2 * 1024 * 1024,
  Buffer.from(Array.from({ length: 9973 }, (_, at) => (at * 7) % 251)),
);

/** The bytes of an answer, in chunks or with a length. */
function answerOf(body: Buffer, chunk: number | undefined): Buffer {
  const head = `HTTP/1.1 200 OK\r\n${chunk ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`}\r\n\r\n`;
  if (chunk === undefined) return Buffer.concat([Buffer.from(head), body]);
  const parts = Array.from({ length: Math.ceil(body.length / chunk) }, (_, index) => {
    const part = body.subarray(index * chunk, (index + 1) * chunk);
    return [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')];
  });
  return Buffer.concat([Buffer.from(head), ...parts.flat(), Buffer.from('0\r\n\r\n')]);
}

/** One request of one client, and its answer. */
class Exchange {
  readonly client: ScheduledSocket;
  readonly isWatch: boolean;
  /** How probably the client accepts bytes. */
  readonly speed: number;
  readonly body: Buffer;
  /** What the API server has not sent yet, and its connection once it has the request. */
  unsent: Buffer;
  upstream: ScheduledSocket | undefined;
  writer: ClientWriter | undefined;
  response: ServerResponse | undefined;
  /** Bytes of the body that the writer has got, and those that the client has. */
  passed = 0;
  received = 0;
  isPaused = false;
  isWhole = false;

  constructor(random: Random, client: ScheduledSocket) {
    const length = random.pick([0, 10, 5000, 300_000, 600_000, 1_300_000]);
    this.client = client;
    this.isWatch = random.chance(0.5);
    this.speed = random.pick([1, 0.3, 0.1]);
    this.body = content.subarray(random.below(5000)).subarray(0, length);
    const chunk = Math.max(length / 500, random.pick([20, 3000, 16_384, 1_300_000]));
    this.unsent = answerOf(this.body, this.isWatch || random.chance(0.5) ? Math.ceil(chunk) : undefined);
    const parser = new ResponseParser();
    const onBody = (part: Buffer) => {
      const expected = this.body.subarray(this.received, this.received + part.length);
      assert.ok(part.equals(expected), `wrong bytes in the part of the body at ${this.received}`);
      this.received += part.length;
    };
    const onEnd = () => {
      this.isWhole = true;
    };
    parser.expect({ onHead() {}, onSwitch() {}, onBody, onEnd }, { withoutBody: false });
    client.onTaken = bytes => parser.push(bytes);
  }

  send(limit: number): void {
    this.upstream?.offer(this.unsent.subarray(0, limit));
    if (this.upstream !== undefined) this.unsent = this.unsent.subarray(limit);
  }
}

const nothingSeen = () => ({ whole: 0, paused: 0, left: 0, broken: 0, ended: 0, reused: 0 });

/** Clients, an API server, and between them the proxy's own connections and writers. All of them do something at random moments. */
class World {
  readonly random: Random;
  readonly seen = nothingSeen();
  readonly #pool: ConnectionPool;
  readonly #server = http.createServer((request, response) => this.#answer(request.url as string, response));
  readonly #idleClients: ScheduledSocket[] = [];
  readonly #exchanges = new Map<string, Exchange>();
  #next = 0;

  constructor(seed: number) {
    this.random = createRandom(seed);
    this.#pool = new ConnectionPool((callback, onread) => {
      const upstream = new ScheduledSocket(onread);
      upstream.on('error', () => {});
      upstream.onTaken = bytes => {
        const exchange = this.#exchanges.get(bytes.toString('latin1').split(' ')[1] as string);
        if (exchange !== undefined) exchange.upstream = upstream;
      };
      setImmediate(() => {
        upstream.accept(Number.MAX_SAFE_INTEGER);
        upstream.read(0);
        callback(null, upstream as unknown as Socket);
      });
      return upstream;
    });
  }

  /** Lets one random event happen. */
  async step(): Promise<void> {
    const { random } = this;
    const what = random.below(100);
    if (this.#exchanges.size === 0 || (what < 6 && this.#exchanges.size < 4)) this.#begin();
    const exchange = random.pick([...this.#exchanges.values()]);
    if (what < 30) exchange.send(1 + random.below(random.pick([100, 20_000, 400_000])));
    else if (what < 65) this.#deliver(exchange, 1 + random.below(8));
    else if (what < 75) {
      if (random.chance(exchange.speed)) acceptSome(random, exchange.client);
    } else if (what < 83) exchange.client.stopAccepting();
    else if (what < 94) await turn();
    else if (what < 99) await this.#checkProgress();
    else if (random.chance(0.5)) this.#trouble(exchange);
    this.#tidy();
  }

  /** Lets a client send a request, on a new connection or on one that has had an answer. */
  #begin(): void {
    const { random } = this;
    let client = random.chance(0.5) ? this.#idleClients.pop() : undefined;
    if (client === undefined) {
      client = new ScheduledSocket();
      client.on('error', () => {});
      this.#server.emit('connection', client);
    }
    const path = `/${this.#next++}`;
    this.#exchanges.set(path, new Exchange(random, client));
    client.offer(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`));
    client.deliver(1000, true);
  }

  #answer(path: string, response: ServerResponse): void {
    const exchange = this.#exchanges.get(path);
    // The client may have left before its request was read.
    if (exchange === undefined) {
      response.destroy();
      return;
    }
    const writer = writerFor(response, exchange);
    const data = writer.data.bind(writer);
    writer.data = chunk => {
      exchange.passed += chunk.length;
      data(chunk);
    };
    const lease = this.#pool.acquire();
    if (lease.reused) this.seen.reused += 1;
    lease.send(requestTo(path), writer);
    writer.trip = {
      pause: () => {
        assert.equal(exchange.isPaused, false);
        exchange.isPaused = true;
        this.seen.paused += 1;
        lease.pause();
      },
      resume: () => {
        exchange.isPaused = false;
        lease.resume();
      },
      abort: () => lease.abort(),
    };
    Object.assign(exchange, { writer, response });
    response.once('close', () => {
      if (writer.state === 'over') return;
      writer.close();
      lease.abort();
    });
  }

  /** Delivers this number of reads together. */
  #deliver({ upstream }: Exchange, reads: number): void {
    if (upstream !== undefined) deliverSome(this.random, upstream, reads);
  }

  #trouble({ client, upstream, writer }: Exchange): void {
    const what = this.random.pick(['left', 'broken', 'ended'] as const);
    this.seen[what] += 1;
    if (what === 'left') client.destroy();
    else if (what === 'broken') upstream?.destroy();
    else if (writer !== undefined && writer.state !== 'over') {
      writer.endEarly(new Error('the program ends'));
      writer.trip?.abort();
    }
  }

  /** Removes the requests that are complete or cut. */
  #tidy(): void {
    for (const [path, exchange] of this.#exchanges) {
      const { client, body, received, isWhole, writer } = exchange;
      const isOver = exchange.response?.writableFinished === true && writer?.state === 'over';
      if (!client.destroyed && !isOver) continue;
      this.#exchanges.delete(path);
      if (isWhole && received === body.length) {
        this.seen.whole += 1;
        this.#idleClients.push(client);
      } else client.destroy();
    }
  }

  /** Lets everything rest for a moment. Then every client that accepts bytes has all that was read, and nothing is paused for it. */
  async #checkProgress(): Promise<void> {
    for (let count = 0; count < promptTurns; count += 1) await turn();
    for (const exchange of this.#exchanges.values()) {
      const { client, response, writer, upstream } = exchange;
      const waiting = response?.writableLength ?? 0;
      assert.ok(waiting <= mostWaiting, `${waiting} bytes wait for a client`);
      if (!client.isDrained || client.destroyed || writer === undefined || writer.state === 'over') continue;
      assert.equal(exchange.isPaused, false, 'paused for a client that has taken all');
      assert.equal(exchange.received, exchange.passed, 'bytes that have been read stay in the writer');
      if (upstream === undefined || upstream.destroyed) continue;
      assert.ok(upstream.isReading, 'the API server waits for a client that has taken all');
    }
  }

  /** Lets all clients accept everything, and the API server send everything. */
  async settle(): Promise<void> {
    for (let round = 0; this.#exchanges.size > 0; round += 1) {
      assert.ok(round < 2000, `${this.#exchanges.size} answers never end`);
      for (const exchange of this.#exchanges.values()) {
        exchange.client.accept(1_000_000);
        exchange.send(300_000);
        this.#deliver(exchange, 20);
      }
      await turn();
      this.#tidy();
    }
    for (const client of this.#idleClients) client.destroy();
    this.#pool.destroy();
    await turn();
  }
}

/** A writer for this response. An error before the head cuts the client off. */
function writerFor(response: ServerResponse, { isWatch }: Exchange): ClientWriter {
  const reply = { raw: response, sent: false, hijack() {}, send: () => response.destroy() };
  const record = { longRunning: isWatch, opened() {}, answeredUpstream() {} };
  const head = { mayBeBrowser: false };
  const mount = { namesContext: false };
  const request = { reply, record, mount, path: { api: undefined }, head, answerHeaders: [] };
  return new ClientWriter(
    request as never,
    { sandboxesProxiedPages: false, openStreams: { ending: false } as never },
    { mayBeEnded: false, onOver() {} },
  );
}

describe('answers of an API server to clients that read now and then', () => {
  const seen = nothingSeen();

  for (let seed = 1; seed <= seeds; seed += 1) {
    it(`continue as soon as the client reads, and arrive whole (seed ${seed})`, async () => {
      const world = new World(seed);
      for (let step = 0; step < steps / seeds; step += 1) await world.step();
      await world.settle();
      for (const what of Object.keys(seen) as (keyof typeof seen)[]) seen[what] += world.seen[what];
    });
  }

  it('see everything happen that can happen', () => {
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `${what} never happens`);
  });
});
