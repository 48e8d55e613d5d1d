import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Turns } from '../../../src/features/shared-watches/turns.js';
import { fieldValue } from '../../../src/http/header-fields.js';
import type { ManualClock } from '../../support/manual-clock.js';
import { createRandom, type Random } from '../../support/random.js';
import { Rights } from './across-users/rights.js';
import { Sharing, turn } from './sharing.js';
import { bookmarkLine, ServedList, type ServedWatch, type WatchedServer } from './watched-server.js';
import { WatchingClient } from './watching-client.js';

/** The number of steps, over all seeds together. */
const steps = Number(process.env['MODEL_STEPS'] ?? 24_000);
const seeds = 12;

/** A client, with what the test knows about it. */
interface Guest {
  readonly client: WatchingClient;
  /** The version in its request, or that of the API server at that time if it begins with the objects. */
  readonly version: number;
  isPaused: boolean;
}

/** Shared watches, an API server, and clients that come and go at random. */
class World {
  readonly random: Random;
  readonly sharing: Sharing;
  readonly clock: ManualClock;
  readonly server: WatchedServer;
  readonly guests: Guest[] = [];
  /** Those of the users who share with each other. */
  readonly rights: Rights;
  /**
   * How many clients got changes after the objects, how many of them by a stream of their own, and how many moved later than at the bookmark;
   * how many ended because of their credential, and for how many it was not known; how many WebSockets were closed.
   */
  readonly seen = {
    ...{ followed: 0, stayed: 0, 'moved later': 0, 'taken out': 0, unknown: 0 },
    'closed WebSockets': 0,
  };
  /** Whether every credential is valid. */
  #isCalm = false;
  /** What is wrong with a client; undefined while nothing is. */
  #problem: string | undefined;

  constructor(seed: number) {
    let ticks = 0;
    this.random = createRandom(seed);
    this.sharing = new Sharing({
      // Some 30 events fit, so that clients fall behind or come too late, or some 150.
      buffer: seed % 2 === 0 ? 60_000 : 12_000,
      // Some twenty clients can get events in one turn of the event loop.
      turns: new Turns(() => ticks++ / 2),
      random: () => this.random.below(1_000) / 1_000,
    });
    this.clock = this.sharing.clock;
    this.server = this.sharing.server;
    this.server.now = () => this.clock.monotonic();
    this.rights = new Rights(this.random, this.sharing);
  }

  get open(): ServedWatch[] {
    this.server.watches = this.server.watches.filter(({ isAborted, isOver }) => !isAborted && !isOver);
    return this.server.watches.filter(({ isOpen }) => isOpen);
  }

  get waiting(): ServedWatch[] {
    return this.server.watches.filter(watch => !watch.isAborted && !watch.isOver && !watch.isOpen);
  }

  /** Lets one random event happen. */
  step(): void {
    const { random } = this;
    const [watch] = this.open.length === 0 ? [] : [random.pick(this.open)];
    const guest = this.guests.length === 0 ? undefined : random.pick(this.guests);
    const what = random.below(100);
    if (what < 30) this.write();
    else if (watch instanceof ServedList && watch.isInitial && what < 60) this.list(watch);
    else if (what < 55) watch?.send(1 + random.below(5), 1 + random.below(400));
    else if (what < 60 && (watch instanceof ServedList || watch?.path.startsWith('/shared'))) {
      watch.send();
      watch.bookmark();
    } else if (what < 72) this.join();
    else if (what < 78 && guest !== undefined) this.leave(guest);
    else if (what < 81) for (const one of this.waiting) this.rights.answer(one);
    else if (what < 82) this.rights.change();
    else if (what < 86 && watch !== undefined) {
      // A watch that continues from a version does not get the remaining events of that version, as with a real API server.
      watch.sendRestOfVersion();
      if (random.chance(0.1)) watch.text(tooOld);
      if (what < 84) watch.end();
      else watch.fail();
    } else if (what < 87) for (const one of this.waiting) random.chance(0.5) ? one.fail() : one.open(503);
    else if (what < 92 && guest !== undefined) this.pauseOrResume(guest);
    else if (what < 99) this.clock.advance(random.below(2_000));
    else this.clock.advance(random.below(40_000));
  }

  /** Creates, changes or deletes an object, or a few with one version. */
  write(): void {
    const { random, server } = this;
    let step = 1 + random.below(3);
    // Those of one version are different ones.
    const first = random.below(8);
    for (let index = 0; index === 0 || (index < 8 && random.chance(0.3)); index += 1) {
      server.change(`web-${(first + index) % 8}`, {
        step,
        body: `${random.below(1_000)} ${'x'.repeat(random.below(200))}`,
        deletes: random.chance(0.4),
      });
      step = 0;
    }
  }

  /** Sends a part of the initial events, or a change between them. */
  list(watch: ServedList): void {
    const { random } = this;
    const size = 1 + random.below(400);
    if (random.chance(0.3)) watch.finish(size);
    else if (random.chance(0.7)) watch.sendObjects(1 + random.below(4), size);
    else watch.send(1, size);
  }

  /** Lets a client join, or a few that ask for the objects at the same time. */
  join(): void {
    const { random, server } = this;
    const initial = random.chance(0.5);
    const version = initial ? server.version : Math.max(100, server.version + 2 - random.below(40));
    const asked = initial ? random.pick([undefined, undefined, '0', String(version)]) : String(version);
    const key = random.pick(['pods', 'services']);
    const isCommon = random.chance(0.7);
    do {
      const client: WatchingClient = new WatchingClient({
        ...{ initial, key },
        ...(isCommon && this.rights.ask(key)),
        ...(asked !== undefined && { version: asked }),
        ...(random.chance(0.2) && { timeout: 1_000 * (1 + random.below(60)) }),
        bookmarks: initial || random.chance(0.5),
        ...(!isCommon && { isAllowed: async () => random.chance(0.9) }),
        ...(random.chance(0.5) && { isStillValid: () => this.judge(client) }),
        webSocket: !initial && random.chance(0.4),
      });
      this.guests.push({ client, version, isPaused: false });
      this.rights.follow(client);
      this.sharing.send(client);
    } while (initial && random.chance(0.5));
  }

  /** Says whether a client's credential is still valid, at once or later. After a no, nobody may ask again. */
  judge(client: WatchingClient): boolean | Promise<boolean> {
    const { random, seen } = this;
    if (client.ended !== undefined) this.#problem = 'a credential is asked about after the end of its client';
    if (!this.#isCalm && random.chance(0.2)) {
      seen.unknown += 1;
      return Promise.reject(new Error('nobody answers'));
    }
    const isValid = this.#isCalm || random.chance(0.9);
    if (!isValid) seen['taken out'] += 1;
    return random.chance(0.5) ? isValid : turn().then(() => isValid);
  }

  leave(guest: Guest): void {
    guest.client.trip?.abort();
    this.rights.forget(guest.client);
    this.check(guest);
    this.guests.splice(this.guests.indexOf(guest), 1);
  }

  pauseOrResume(guest: Guest): void {
    const { client } = guest;
    guest.isPaused = !guest.isPaused;
    if (guest.isPaused) client.trip?.pause();
    else client.trip?.resume();
  }

  /** Asserts that the events of each client are the beginning of those that it must get. */
  check(guest: Guest, isComplete = false): void {
    if (guest.client.asked.initial !== true) {
      this.checkChanges(guest.client, guest.client.text, guest.version, isComplete);
      return;
    }
    const { text, id } = guest.client;
    const list = this.server.lists.find(({ request }) => fieldValue(request.headers, 'x-client') === id);
    if (list === undefined) {
      assert.ok(text === '' && !isComplete);
      return;
    }
    assert.ok(list.listed >= guest.version);
    assert.ok(!isComplete || list.endVersion !== undefined, 'the initial events have come');
    if (list.endVersion === undefined) {
      assert.equal(text, list.initial);
      return;
    }
    const changes = text.slice(list.initial.length);
    assert.equal(text, list.initial + changes);
    if (changes !== '') this.seen.followed += 1;
    if (changes !== '' && !list.isAborted) this.seen.stayed += 1;
    if (list.isAborted && list.hasChanges) this.seen['moved later'] += 1;
    this.checkChanges(guest.client, changes, list.endVersion, isComplete);
  }

  /** Asserts that a text has the changes after a version, or the beginning of them. */
  checkChanges(client: WatchingClient, text: string, version: number, isComplete: boolean): void {
    const lines = text.split('\n').slice(0, -1);
    const isTooOld = `${lines.at(-1)}\n` === tooOld;
    if (isTooOld) lines.pop();
    const bookmarks = lines.filter(line => line.includes('BOOKMARK'));
    const events = lines.filter(line => !line.includes('BOOKMARK')).map(line => `${line}\n`);
    const all = this.server.writes.filter(write => write.version > version).map(({ line }) => line);
    assert.deepEqual(events, isComplete ? all : all.slice(0, events.length));
    if (!client.asked.bookmarks) assert.deepEqual(bookmarks, []);
    const versions = lines.map(line => Number(JSON.parse(line).object.metadata.resourceVersion));
    for (const [index, one] of versions.entries()) assert.ok(one >= (versions[index - 1] ?? version));
    for (const line of bookmarks)
      assert.equal(`${line}\n`, bookmarkLine(JSON.parse(line).object.metadata.resourceVersion));
  }

  /** Asserts that all who have asked for the objects have a stream of their own, and lets clients leave that have ended. */
  checkGuests(): void {
    assert.equal(this.#problem ?? this.rights.problem, undefined);
    for (const guest of [...this.guests]) {
      const { client } = guest;
      const isThere = this.server.lists.some(
        ({ request }) => fieldValue(request.headers, 'x-client') === client.id,
      );
      assert.ok(isThere || client.asked.initial !== true, 'a client waits for objects');
      if (client.ended === undefined) continue;
      if (client.closed !== undefined) this.seen['closed WebSockets'] += 1;
      assert.ok(client.socket === undefined || (client.ended === 'end') === (client.closed === 1000));
      this.leave(guest);
    }
  }

  /** Lets every client receive its missing events. */
  async settle(): Promise<void> {
    this.#isCalm = true;
    this.rights.calm();
    for (const guest of this.guests) if (guest.isPaused) this.pauseOrResume(guest);
    for (let round = 0; round < 30; round++) {
      for (const watch of this.waiting) watch.open();
      for (const watch of this.open) {
        if (watch instanceof ServedList && watch.isInitial) watch.finish();
        else watch.send();
      }
      this.clock.advance(500);
      await turn();
    }
  }
}

/** The last event of a watch whose version is too old. */
const tooOld = '{"type":"ERROR","object":{"kind":"Status","code":410,"metadata":{}}}\n';

describe('shared watches under random events', () => {
  const seen = {
    ...{ opened: 0, ring: 0, own: 0, refused: 0, resumed: 0, lagged: 0, initial: 0, moved: 0 },
    ...{ followed: 0, stayed: 0, 'moved later': 0, 'taken out': 0, unknown: 0, 'closed WebSockets': 0 },
    ...{ 'as another': 0, refusals: 0, 'not confirmed': 0, 'rights ended': 0 },
  };

  for (let seed = 1; seed <= seeds; seed++) {
    it(`give every client its events, each once and in order (seed ${seed})`, async () => {
      const world = new World(seed);
      for (let step = 0; step < steps / seeds; step++) {
        world.step();
        // Clients join asynchronously.
        if (step % 3 === 0) {
          await turn();
          world.checkGuests();
        }
      }
      for (const guest of world.guests) world.check(guest);
      await world.settle();
      for (const guest of world.guests) world.check(guest, guest.client.ended === undefined);

      const { joins, counts } = world.sharing;
      for (const how of joins) seen[how] += 1;
      seen.moved += counts.moved;
      seen.resumed += counts.resumed.length;
      seen.lagged += counts.lagged;
      for (const what of Object.keys(world.seen) as (keyof World['seen'])[]) seen[what] += world.seen[what];
      for (const what of Object.keys(world.rights.seen) as (keyof Rights['seen'])[])
        seen[what] += world.rights.seen[what];
      for (const guest of [...world.guests]) world.leave(guest);
      world.clock.advance(10_000);
      assert.equal(counts.clients, 0);
      assert.equal(counts.watches, 0);
      assert.deepEqual(world.open, []);
    });
  }

  it('reach every possible state', () => {
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 10, `${what}: ${count}`);
  });
});
