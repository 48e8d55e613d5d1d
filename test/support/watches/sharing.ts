import assert from 'node:assert/strict';
import type { SessionRequest } from '../../../src/transport/renew-on-401.js';
import type { RoundTripper } from '../../../src/transport/round-trip.js';
import { RingBudget } from '../../../src/watches/event-ring.js';
import type { Join, Loss } from '../../../src/watches/share-observer.js';
import { SharedWatches } from '../../../src/watches/share-watches.js';
import { Turns } from '../../../src/watches/turns.js';
import { ManualClock } from '../manual-clock.js';
import { type FakeSession, type ServedWatch, session, WatchedServer } from './watched-server.js';
import { type Asked, WatchingClient } from './watching-client.js';

/** Options of a test's shared watches. */
interface SharingOptions {
  /** Memory of all ring buffers together, in bytes. */
  readonly buffer?: number;
  readonly turns?: Turns;
  readonly random?: () => number;
  /** Sends the watches to another API server. */
  readonly roundTripper?: RoundTripper<SessionRequest<FakeSession>>;
}

/** Shared watches, with an API server and a clock that the test controls, and with counts of events. */
export class Sharing {
  readonly clock = new ManualClock(1_000_000);
  readonly server = new WatchedServer();
  readonly joins: Join[] = [];
  readonly counts = {
    watches: 0,
    clients: 0,
    received: 0,
    delivered: 0,
    resumed: [] as Loss[],
    lagged: 0,
  };
  readonly budget: RingBudget;
  readonly shared: SharedWatches<FakeSession>;

  constructor({
    buffer = 1_000_000,
    // No turn takes too long, however busy the machine is.
    turns = new Turns(() => 0),
    random = Math.random,
    roundTripper = this.server,
  }: SharingOptions = {}) {
    const { clock, counts } = this;
    this.budget = new RingBudget(buffer);
    this.shared = new SharedWatches<FakeSession>({
      sessions: { session: () => session },
      roundTripper,
      budget: this.budget,
      clock,
      random,
      turns,
      observer: {
        watches: change => {
          counts.watches += change;
        },
        clients: change => {
          counts.clients += change;
        },
        joined: how => this.joins.push(how),
        received: () => {
          counts.received += 1;
        },
        delivered: events => {
          counts.delivered += events;
        },
        resumed: loss => counts.resumed.push(loss),
        lagged: () => {
          counts.lagged += 1;
        },
      },
    });
  }

  /** The watch with this index at the API server; a negative index counts from the last one. */
  readonly watch = (index = 0): ServedWatch =>
    this.server.watches.at(index) ?? assert.fail(`there is no watch ${index}`);

  /** How many watches the API server serves, or has not answered yet. */
  readonly atServer = (): number =>
    this.server.watches.filter(({ isAborted, isOver }) => !isAborted && !isOver).length;

  /** Lets a client join. The API server answers only if another client has opened the watch. */
  readonly join = async (asked: Asked = {}): Promise<WatchingClient> => {
    const client = new WatchingClient(asked);
    client.trip = this.shared.send(client, client);
    await turn();
    return client;
  };

  /** Lets the first client of a watch join, and the API server answer it. */
  readonly open = async (asked: Asked = {}): Promise<WatchingClient> => {
    const before = this.server.watches.length;
    const client = await this.join(asked);
    this.watch(before).open();
    await turn();
    return client;
  };
}

/** Resolves in the next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise(setImmediate);
}
