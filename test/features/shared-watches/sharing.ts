import assert from 'node:assert/strict';
import { RingBudget } from '../../../src/features/shared-watches/event-ring.js';
import type { Join, Loss } from '../../../src/features/shared-watches/metrics.js';
import { type OwnRights, Rights } from '../../../src/features/shared-watches/rights.js';
import { SharedWatches } from '../../../src/features/shared-watches/share-watches.js';
import { Turns } from '../../../src/features/shared-watches/turns.js';
import { Reviews } from '../../../src/reviews/reviews.js';
import type { Access } from '../../../src/transport/access.js';
import { ManualClock } from '../../support/manual-clock.js';
import { accessTo } from '../../support/transport/upstream-requests.js';
import { type ServedWatch, WatchedServer } from './watched-server.js';
import { type Asked, WatchingClient } from './watching-client.js';

/** A proxy that may do everything as anybody. */
export const hasAllRights: OwnRights = {
  isProven: () => true,
  proven() {},
  missingFor: async () => undefined,
};

/** Options of a test's shared watches. */
interface SharingOptions {
  /** Memory of all ring buffers together, in bytes. */
  readonly buffer?: number;
  readonly turns?: Turns;
  readonly random?: () => number;
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
    moved: 0,
  };
  readonly budget: RingBudget;
  readonly shared: SharedWatches;
  readonly reviews: Reviews;
  /** The access for a request now. */
  access: () => Access | Promise<Access>;
  /** The access after a 401. */
  refused: (access: Access) => Promise<Access | undefined> = async () => undefined;

  constructor({
    buffer = 1_000_000,
    // No turn takes too long, however busy the machine is.
    turns = new Turns(() => 0),
    random = Math.random,
  }: SharingOptions = {}) {
    const { clock, counts } = this;
    const own = this.accessWith();
    this.access = () => own;
    this.budget = new RingBudget(buffer);
    this.reviews = new Reviews(clock);
    this.shared = new SharedWatches({
      source: {
        ...{ host: own.host, name: '' },
        access: () => this.access(),
        refused: access => this.refused(access),
      },
      onFirstByte() {},
      budget: this.budget,
      clock,
      rights: new Rights(this.reviews, hasAllRights, clock),
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
        moved: () => {
          counts.moved += 1;
        },
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

  /** An access to the API server. By default it has no credential. */
  accessWith(more: Partial<Access> = {}): Access {
    return accessTo(this.server, more);
  }

  /** The watch with this index at the API server; a negative index counts from the last one. */
  readonly watch = (index = 0): ServedWatch =>
    this.server.watches.at(index) ?? assert.fail(`there is no watch ${index}`);

  /** How many watches the API server serves, or has not answered yet. */
  readonly atServer = (): number =>
    this.server.watches.filter(({ isAborted, isOver }) => !isAborted && !isOver).length;

  /** Sends a client's request. */
  readonly send = (client: WatchingClient): void => {
    const { isAllowed } = client.asked;
    if (isAllowed !== undefined) this.server.rights.set(client.name, isAllowed);
    const { upgraded } = client;
    client.trip = this.shared.send(client, client, client.observer, upgraded);
    if (upgraded !== undefined) upgraded.trip = client.trip;
  };

  /** Lets a client join. The API server answers only if another client has opened the watch. */
  readonly join = async (asked: Asked = {}): Promise<WatchingClient> => {
    const client = new WatchingClient(asked);
    this.send(client);
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

  /** Writes an object and sends it over the last watch. */
  readonly change = (): void => {
    this.server.write();
    this.watch(-1).send();
  };

  /** Lets the last watch end or break off, and its clients ask for it again at once. */
  readonly lose = async (how: 'end' | 'fail' = 'end'): Promise<void> => {
    this.watch(-1)[how]();
    this.clock.advance(0);
    await turn();
  };

  /** Lets the last watch end or break off, and the API server accept it again at once. */
  readonly reopen = async (how: 'end' | 'fail' = 'end'): Promise<void> => {
    await this.lose(how);
    this.watch(-1).open();
    await turn();
  };

  /** Lets this number of milliseconds pass, a little at a time. */
  readonly pass = async (milliseconds: number): Promise<void> => {
    for (let passed = 0; passed < milliseconds; passed += 100) {
      this.clock.advance(100);
      await turn();
    }
  };
}

/** Resolves in the next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise(setImmediate);
}
