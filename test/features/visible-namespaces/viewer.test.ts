import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Proposal } from '../../../src/features/visible-namespaces/rbac.js';
import { Viewer } from '../../../src/features/visible-namespaces/viewer.js';
import { StatusError } from '../../../src/kubernetes/status.js';
import type { Authorizer } from '../../../src/reviews/authorizer.js';
import { ManualClock } from '../../support/manual-clock.js';

/** A cluster with namespaces, RBAC that proposes some, and an API server that lets get some. */
class World {
  readonly clock = new ManualClock(0);
  existing = ['a', 'b', 'c'];
  proposal: Proposal = { isAll: false, names: ['b', 'a', 'gone'] };
  allowed = new Set(['a', 'b', 'c']);
  isListed = true;
  authorizer: Authorizer | undefined;
  version = 100n;
  failure: Error | undefined;
  asked: string[] = [];
  remembered = 0;
  /** Holds answers back while it is set. */
  wait: Promise<void> | undefined;
  /** What the onlookers hear. */
  heard: string[] = [];
  readonly viewer: Viewer;

  constructor(hasPast = false) {
    const world = this;
    const answer = async <T>(what: string, of: () => T): Promise<T> => {
      world.asked.push(what);
      const now = of();
      await world.wait;
      if (world.failure !== undefined) throw world.failure;
      return now;
    };
    const parts = {
      clock: this.clock,
      grants: {
        get names() {
          return world.existing;
        },
        exists: (name: string) => world.existing.includes(name),
        proposedTo: () => world.proposal,
      },
      questions: {
        mayGet: (_asker: unknown, name: string) => answer(`get ${name}`, () => world.allowed.has(name)),
        canList: () => answer('list', () => world.isListed),
        newestVersion: () => answer('version', () => world.version),
        later: (delay: number, run: () => void) => void this.clock.schedule(delay, run),
      },
      reviews: {
        ask: () => assert.fail('not asked'),
        askNow: () => assert.fail('not asked'),
        forget() {},
        denialOf: () => undefined,
        get authorizer() {
          return world.authorizer;
        },
      },
      observer: {
        watches() {},
        reviewed: (_result: string, count = 1) => {
          this.remembered += count;
        },
      },
    };
    const user = { username: 'ann', uid: undefined, groups: [], extra: new Map() };
    this.viewer = new Viewer(user, parts, hasPast);
  }

  look(): void {
    this.viewer.open.add({
      renamed: isLoss => this.heard.push(isLoss ? 'loss' : 'grant'),
      raised: floor => this.heard.push(`floor ${floor}`),
    });
  }

  /** What is shown, and what was asked for it. */
  async shown(): Promise<string> {
    this.asked = [];
    const { names, floor } = await this.viewer.shown();
    return `${names} from ${floor}: ${this.asked}`;
  }

  async pass(milliseconds: number): Promise<string[]> {
    this.heard = [];
    this.clock.advance(milliseconds);
    await turn();
    return this.heard;
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});

describe('what a user is shown', () => {
  it('is what RBAC proposes and a review confirms, once', async () => {
    world.allowed.delete('a');
    assert.equal(await world.shown(), 'b from 100: list,get b,get a,version');
    world.version = 200n;
    assert.equal(await world.shown(), 'b from 100: ');
    assert.equal(world.remembered, 2);
  });

  it('is asked about again: a no after 60 s, a yes after 4 minutes to 5', async () => {
    world.allowed.delete('a');
    await world.shown();
    await world.pass(59_999);
    assert.equal(await world.shown(), 'b from 100: ');
    await world.pass(1);
    assert.equal(await world.shown(), 'b from 100: get a');
    await world.pass(180_000 - 1);
    assert.equal(await world.shown(), 'b from 100: get a');
    await world.pass(50_001);
    assert.equal(await world.shown(), 'b from 100: list,get b');
  });

  it('can be any of all, if others than RBAC decide too', async () => {
    world.isListed = false;
    world.allowed = new Set(['c']);
    assert.equal(await world.shown(), 'c from 100: list,get a,get b,get c,version');
  });

  it('is all after one review, if RBAC proposes all and nobody makes exceptions', async () => {
    world.proposal = { isAll: true, names: [] };
    world.allowed.add('');
    assert.equal(await world.shown(), 'a,b,c from 100: list,get ,version');
    world.existing.push('d');
    assert.equal(await world.shown(), 'a,b,c,d from 100: version');
    await world.pass(290_000);
    world.allowed.delete('');
    assert.equal(await world.shown(), 'a,b,c from 100: list,get ,get a,get b,get c,get d,version');
  });

  it('is asked one by one, if a webhook of the gateway may make an exception', async () => {
    world.proposal = { isAll: true, names: [] };
    world.authorizer = { title: 'w', denialOf: () => undefined };
    world.allowed.add('');
    assert.equal(await world.shown(), 'a,b,c from 100: list,get a,get b,get c,version');
  });

  it('is not a part: if one review fails, nobody knows it, and the next one asks', async () => {
    world.failure = new StatusError(503, 'away');
    await assert.rejects(world.shown(), { code: 503 });
    world.failure = undefined;
    assert.equal(await world.shown(), 'a,b from 100: list,get b,get a,version');
    // The floor is read again too.
    const other = new World();
    other.proposal = { isAll: false, names: [] };
    await other.viewer.confirm();
    other.failure = new Error('no version');
    await assert.rejects(other.viewer.shown(), /no version/);
    other.failure = undefined;
    assert.match(await other.shown(), /: version$/);
  });

  it('is asked once by many at the same time', async () => {
    await Promise.all([world.viewer.shown(), world.viewer.shown(), world.viewer.confirm()]);
    assert.equal(world.asked.filter(what => what === 'get a').length, 1);
  });
});

describe('a change', () => {
  it('of RBAC: what is proposed no more is lost at once, without a question, and what is new is asked about', async () => {
    await world.shown();
    world.look();
    world.proposal = { isAll: false, names: ['a', 'c'] };
    world.asked = [];
    world.version = 200n;
    world.viewer.forget('b');
    await turn();
    assert.deepEqual(
      [world.viewer.names, world.heard, world.asked],
      [['a'], ['loss', 'floor 200'], ['version']],
    );
    world.heard = [];
    assert.equal(await world.shown(), 'a,c from 200: get c,version');
    assert.deepEqual(world.heard, ['grant', 'floor 200']);
    // Proposed again, it is asked about again.
    world.proposal = { isAll: false, names: ['a', 'b', 'c'] };
    world.viewer.forget('b');
    assert.deepEqual(world.viewer.names, ['a', 'c']);
    assert.match(await world.shown(), /: get b,version$/);
  });

  it('of RBAC keeps what is proposed still until it was asked about', async () => {
    await world.shown();
    world.look();
    world.allowed.delete('a');
    world.viewer.forget(undefined);
    assert.deepEqual([world.viewer.names, world.heard], [['a', 'b'], []]);
    world.asked = [];
    await world.viewer.confirm(false);
    assert.deepEqual([world.viewer.names, world.asked.slice(0, 2)], [['b'], ['get b', 'get a']]);
  });

  it('of RBAC is not told to whoever has nothing under way', async () => {
    await world.shown();
    world.proposal = { isAll: false, names: [] };
    world.asked = [];
    world.viewer.forget('a');
    assert.deepEqual(world.asked, []);
    assert.equal(await world.shown(), ' from 100: version');
  });

  it('makes answers unsure that the API server gives within a second: they are asked again', async () => {
    await world.shown();
    world.allowed.delete('a');
    world.viewer.forget('a');
    world.allowed.add('a');
    await world.shown();
    await world.pass(999);
    assert.equal(await world.shown(), 'a,b from 100: ');
    await world.pass(1);
    assert.equal(await world.shown(), 'a,b from 100: get a');
    await world.pass(10_000);
    assert.equal(await world.shown(), 'a,b from 100: ');
  });

  it('while a question is under way makes its answer unsure', async () => {
    let open = () => {};
    world.wait = new Promise(resolve => {
      open = resolve;
    });
    const first = world.viewer.shown();
    await turn();
    open();
    world.wait = undefined;
    await turn();
    world.viewer.forget('a');
    await first;
    await world.pass(1_000);
    assert.match(await world.shown(), /: .*get a/);
  });

  it('of the namespaces: one that is deleted is lost at once, and made again asked about', async () => {
    await world.shown();
    world.look();
    world.existing = ['b', 'c'];
    world.viewer.gone('a');
    await turn();
    assert.deepEqual([world.viewer.names, world.heard], [['b'], ['loss', 'floor 100']]);
    world.viewer.gone('c');
    await turn();
    assert.equal(world.heard.length, 2);
    world.existing = ['a', 'b', 'c'];
    assert.equal(await world.shown(), 'a,b from 100: get a,version');
  });

  it('a no of before is asked about again by lists, and not by watches', async () => {
    world.allowed.delete('a');
    await world.shown();
    world.look();
    await world.pass(60_000);
    world.asked = [];
    await world.viewer.confirm(false);
    assert.deepEqual(world.asked, []);
    await world.viewer.confirm();
    assert.deepEqual(world.asked, ['get a']);
  });
});

describe('the floor', () => {
  it('is read after the names are in use, and a second time 15 s later', async () => {
    await world.shown();
    world.look();
    world.allowed.delete('a');
    world.version = 150n;
    await world.viewer.renew(true);
    await turn();
    assert.deepEqual(world.heard, ['loss', 'floor 150']);
    world.version = 160n;
    assert.deepEqual(await world.pass(14_999), []);
    assert.deepEqual(await world.pass(1), ['floor 160']);
    assert.equal(await world.shown(), 'b from 160: ');
    assert.deepEqual(await world.pass(60_000), []);
  });

  it('is read once by a user who is new, unless RBAC has just changed', async () => {
    for (const [hasPast, expected] of [
      [false, []],
      [true, ['floor 100']],
    ] as const) {
      const one = new World(hasPast);
      await one.shown();
      one.look();
      assert.deepEqual(await one.pass(15_000), expected);
    }
  });

  it('is read again until it is known', async () => {
    await world.shown();
    world.look();
    world.viewer.gone('a');
    await turn();
    world.failure = new Error('away');
    await world.pass(15_000);
    world.failure = undefined;
    world.version = 170n;
    assert.deepEqual(await world.pass(5_000), ['floor 170']);
  });

  it('of a change while it is read is that of the change', async () => {
    world.wait = Promise.resolve();
    const before = world.viewer.shown();
    await turn();
    world.version = 300n;
    world.existing = ['b'];
    world.viewer.gone('a');
    const { names, floor } = await world.viewer.shown();
    assert.deepEqual([names, floor], [['b'], 300n]);
    await before;
  });

  it('is that of the last change', async () => {
    await world.shown();
    world.look();
    world.viewer.gone('a');
    await world.pass(10_000);
    world.viewer.gone('b');
    assert.deepEqual(await world.pass(14_999), ['floor 100']);
    assert.deepEqual(await world.pass(1), ['floor 100']);
  });
});

describe('what is shown is asked about again', () => {
  it('for watches when its yes is over, and in a recheck each', async () => {
    await world.shown();
    world.asked = [];
    await world.viewer.renew(false);
    assert.deepEqual(world.asked, []);
    await world.viewer.renew(true);
    assert.deepEqual(world.asked, ['get a', 'get b']);
    await world.pass(290_000);
    world.asked = [];
    await world.viewer.renew(false);
    assert.deepEqual(world.asked, ['get a', 'get b']);
  });

  it('with one question, if one answer shows all', async () => {
    world.proposal = { isAll: true, names: [] };
    world.allowed.add('');
    await world.shown();
    world.asked = [];
    await world.viewer.renew(true);
    assert.deepEqual(world.asked, ['get ']);
  });
});
