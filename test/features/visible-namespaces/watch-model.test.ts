import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { WatchListener } from '../../../src/clusters/own-watch.js';
import { readAskedNamespaces } from '../../../src/features/visible-namespaces/asked-namespaces.js';
import type { FilteredCluster } from '../../../src/features/visible-namespaces/filtered-cluster.js';
import { idOf, NamespaceList } from '../../../src/features/visible-namespaces/namespace-rows.js';
import { NamespaceWatch } from '../../../src/features/visible-namespaces/namespace-watch.js';
import type { OwnNamespaces } from '../../../src/features/visible-namespaces/own-namespaces.js';
import { readShownList } from '../../../src/features/visible-namespaces/shown-list.js';
import { ShownVersions } from '../../../src/features/visible-namespaces/shown-versions.js';
import type { Onlooker, Viewer } from '../../../src/features/visible-namespaces/viewer.js';
import { ManualClock } from '../../support/manual-clock.js';
import { createRandom } from '../../support/random.js';

const seeds = Number(process.env['MODEL_STEPS'] ?? 20_000) / 100;
const names = ['a', 'b', 'c', 'd'];
const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';

interface Metadata {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Also the version at which they were written. */
  readonly labels: { readonly stage: string; readonly at: number };
}

/** The API server's namespaces, the rights of one user, and a watch of the gateway: what happens comes when the test lets it. */
class World {
  readonly random;
  readonly isSelecting: boolean;
  readonly objects = new Map<string, Metadata>();
  /** All of the present, and of the past, by their IDs. */
  readonly visible = new Set<string>();
  readonly viewer: Viewer;
  readonly shown = new ShownVersions(new ManualClock(0));
  readonly watches = new Set<Onlooker>();
  readonly #later: (() => void)[] = [];
  version = 100;
  #changes: { readonly version: number; readonly before?: Metadata; readonly after?: Metadata }[] = [];
  #listener: WatchListener | undefined;
  #isOpen = false;
  /** Up to which version the gateway's watch has brought all. */
  #delivered = 0;
  /** Initial events that have not come. */
  #initial: string[] = [];

  constructor(seed: number) {
    this.random = createRandom(seed);
    this.isSelecting = this.random.chance(0.5);
    const { shown, watches } = this;
    const world = this;
    this.viewer = {
      ...{ shown, watches, used() {}, judge: async () => {} },
      get visible() {
        return new Set(world.visible);
      },
    } as unknown as Viewer;
  }

  selects({ labels }: Metadata): boolean {
    return !this.isSelecting || labels.stage === 'x';
  }

  /** Lists come a while after their question, as they are then. */
  #list(of: (object: Metadata) => boolean): Promise<NamespaceList> {
    return new Promise(resolve => {
      this.#later.push(() => {
        const items = [...this.objects.values()].filter(of).map(metadata => ({ metadata }));
        const metadata = { resourceVersion: `${this.version}` };
        resolve(new NamespaceList(JSON.stringify({ kind: 'NamespaceList', metadata, items })));
      });
    });
  }

  readonly own = {
    list: (of?: readonly string[]) =>
      this.#list(object => this.selects(object) && (of === undefined || of.includes(object.name))),
    selected: () => this.#list(object => this.selects(object)),
    named: () => this.#list(() => true),
    watchFrom: (version: string, listener: WatchListener) => this.#watch(Number(version), listener),
    watchFromInitial: (listener: WatchListener) => {
      this.#initial = [...this.objects.values()]
        .filter(object => this.selects(object))
        .map(object => eventOf('ADDED', object));
      const end = {
        resourceVersion: `${this.version}`,
        annotations: { 'k8s.io/initial-events-end': 'true' },
      };
      this.#initial.push(JSON.stringify({ type: 'BOOKMARK', object: { kind: 'Namespace', metadata: end } }));
      return this.#watch(this.version, listener);
    },
  } as unknown as OwnNamespaces;

  #watch(version: number, listener: WatchListener) {
    this.#listener = listener;
    this.#isOpen = false;
    this.#delivered = version;
    this.#later.push(() => {
      if (this.#listener !== listener) return;
      this.#isOpen = true;
      listener.opened();
    });
    return {
      pause() {},
      resume() {},
      abort: () => {
        if (this.#listener === listener) this.#listener = undefined;
      },
    };
  }

  readonly filtered = {
    namespaces: [],
    canName: (of: readonly string[]) => of.every(name => this.objects.has(name)),
    later: (_delay: number, run: () => void) => this.#later.push(run),
  } as unknown as FilteredCluster;

  #change(before: Metadata | undefined, after: Metadata | undefined): void {
    this.#changes.push({ version: this.version, ...(before && { before }), ...(after && { after }) });
  }

  /** Somebody writes: a namespace is made, changed, or deleted. */
  write(name: string): void {
    this.version += 1 + this.random.below(3);
    const before = this.objects.get(name);
    const resourceVersion = `${this.version}`;
    const labels = { stage: this.random.pick(['x', 'y']), at: this.version };
    if (before !== undefined && this.random.chance(0.4)) {
      this.objects.delete(name);
      this.#change(before, undefined);
    } else {
      const uid = before?.uid ?? `u${this.version}`;
      const after = { name, uid, resourceVersion, labels };
      this.objects.set(name, after);
      this.#change(before, after);
    }
  }

  /** A right is given or taken away. */
  turnRight(name: string): void {
    const object = this.objects.get(name);
    if (object === undefined) return;
    this.forgetGone();
    const id = idOf(object);
    if (!this.visible.delete(id)) this.visible.add(id);
    for (const watch of [...this.watches]) watch.changed();
  }

  /** The gateway hears of those that are gone. */
  forgetGone(): void {
    const ids = new Set([...this.objects.values()].map(idOf));
    for (const id of this.visible) if (!ids.has(id)) this.visible.delete(id);
  }

  /** One thing that was asked for, or the next event of the watch. Whether there was one. */
  async proceed(): Promise<boolean> {
    const isAnswer = this.#later.length > 0 && this.random.chance(0.5);
    if (isAnswer) this.#later.splice(this.random.below(this.#later.length), 1)[0]?.();
    else if (!this.#deliver() && this.#later.length === 0) return false;
    await settled();
    return true;
  }

  #deliver(): boolean {
    const listener = this.#listener;
    if (listener === undefined || !this.#isOpen) return false;
    const first = this.#initial.shift();
    if (first !== undefined) {
      listener.event(Buffer.from(first));
      return true;
    }
    const next = this.#changes.find(({ version }) => version > this.#delivered);
    if (next === undefined) return false;
    this.#delivered = next.version;
    const { before, after } = next;
    const was = before !== undefined && this.selects(before);
    const is = after !== undefined && this.selects(after);
    if (is) listener.event(Buffer.from(eventOf(was ? 'MODIFIED' : 'ADDED', after)));
    else if (was) {
      const last = { ...before, resourceVersion: `${next.version}` };
      listener.event(Buffer.from(eventOf('DELETED', last)));
    }
    return true;
  }
}

/** Until what has been answered has been used. */
async function settled(): Promise<void> {
  for (let count = 0; count < 3; count += 1) await turn();
}

function eventOf(type: string, metadata: Metadata): string {
  return JSON.stringify({ type, object: { kind: 'Namespace', apiVersion: 'v1', metadata } });
}

/** A client that holds what its watch has shown, as a reflector of client-go does. */
class Client {
  readonly #world: World;
  readonly held = new Map<string, Metadata>();
  /** Up to which version it has had everything; empty after an end that it has to list after. */
  version = '';
  #watch: NamespaceWatch | undefined;
  /** Whether no event may say what the client knows. In a watch from a version, it may: what was listed there with other selectors is not known. */
  #isExact = true;
  readonly seen: string[] = [];
  failure: unknown;

  constructor(world: World) {
    this.#world = world;
  }

  async start(): Promise<void> {
    const { random, own, viewer, filtered } = this.#world;
    const way = random.below(3);
    this.held.clear();
    this.#isExact = true;
    if (way === 0) this.#open('');
    else if (way === 1) this.#open(initial);
    else {
      const listing = readShownList({ asked: readAskedNamespaces(false, '', []), own, viewer, filtered });
      while (!(await Promise.race([listing.then(() => true), this.#world.proceed().then(() => false)])));
      const { list, visible } = await listing;
      for (const row of list.rows)
        if (visible.has(idOf(row))) this.held.set(row.name, this.#world.objects.get(row.name) as Metadata);
      viewer.shown.record(list.version, visible);
      this.version = list.version;
      this.#isExact = false;
      this.#open(`resourceVersion=${list.version}`);
    }
  }

  /** Opens another watch, from what the client has. */
  resume(): void {
    if (this.version === '' || this.#watch === undefined) return;
    this.#watch.abort();
    this.#isExact = false;
    this.#open(`resourceVersion=${this.version}`);
  }

  #open(query: string): void {
    const { filtered, viewer, own } = this.#world;
    const asked = readAskedNamespaces(true, `watch=1&${query}`, []);
    this.seen.push(query);
    let isOver = false;
    const output = {
      begin() {},
      event: (line: string) => {
        try {
          if (!isOver) this.#event(line);
        } catch (error) {
          // The watch would try again.
          this.failure ??= error;
        }
      },
      end: () => {
        isOver = true;
      },
      fail: (error: Error) => assert.fail(error),
    };
    const observer = { reviewed() {}, watches() {} };
    this.#watch = new NamespaceWatch({ filtered, viewer, asked, own, observer, output }).start();
  }

  #event(line: string): void {
    const { type, object } = JSON.parse(line) as { type: string; object: { metadata: Metadata } };
    this.seen.push(line);
    assert.notEqual(type, 'ERROR', this.seen.join('\n'));
    const { metadata } = object;
    // The versions of the events that a watch begins with are those of their objects, in no order.
    const isOrdered = this.version !== '' || type === 'BOOKMARK';
    if (isOrdered) {
      assert.ok(Number(this.version) <= Number(metadata.resourceVersion), this.seen.join('\n'));
      this.version = metadata.resourceVersion;
    }
    if (type === 'BOOKMARK') return;
    const before = this.held.get(metadata.name);
    const knows = before?.uid === metadata.uid;
    if (this.#isExact) assert.equal(knows, type !== 'ADDED', this.seen.join('\n'));
    if (type !== 'DELETED') {
      if (type === 'MODIFIED') assert.ok(this.#world.visible.has(idOf(metadata)), this.seen.join('\n'));
      this.held.set(metadata.name, metadata);
    } else this.held.delete(metadata.name);
  }
}

describe('a watch of the namespaces that its user may get', () => {
  it('shows a client exactly these, whatever happens in which order', async () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const world = new World(seed);
      const { random } = world;
      for (const name of names) if (random.chance(0.7)) world.write(name);
      for (const name of names) if (random.chance(0.5)) world.turnRight(name);
      const client = new Client(world);
      await client.start();
      for (let step = 0; step < 40; step += 1) {
        const what = random.below(10);
        if (what < 2) world.write(random.pick(names));
        else if (what < 4) world.turnRight(random.pick(names));
        else if (what === 4) world.forgetGone();
        else if (what === 5 && random.chance(0.2)) client.resume();
        else await world.proceed();
      }
      world.forgetGone();
      await settled();
      while (await world.proceed());
      if (client.failure !== undefined) throw client.failure;
      const right = [...world.objects.values()]
        .filter(object => world.visible.has(idOf(object)) && world.selects(object))
        .map(({ name, labels }) => `${name} ${labels.at}`);
      const held = [...client.held.values()].map(({ name, labels }) => `${name} ${labels.at}`);
      assert.deepEqual(held.sort(), right.sort(), `seed ${seed}\n${client.seen.join('\n')}`);
    }
  });
});
