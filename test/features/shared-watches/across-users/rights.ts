import assert from 'node:assert/strict';
import type { LocalApi } from '../../../../src/features/shared-watches/watch-to-share.js';
import { fieldValue } from '../../../../src/http/header-fields.js';
import type { Random } from '../../../support/random.js';
import { type Sharing, turn } from '../sharing.js';
import type { ServedWatch } from '../watched-server.js';
import type { Asked, WatchingClient } from '../watching-client.js';

const users = ['ann', 'bob', 'eve', 'joe', 'zoe'];
const keys = ['pods', 'services'];
/** How long a right counts after it has ended, in milliseconds. */
const remembered = 10_000;
/** How long a client may wait until a watch is sent as its user: the API server decides then. */
const longestWait = 12_000;

/** Which users may watch what at each moment. Clients of theirs share with those of other users. */
export class Rights {
  readonly #random: Random;
  readonly #sharing: Sharing;
  readonly #denied = new Set<string>();
  /** When a right was last there, if it is not there now. */
  readonly #endedAt = new Map<string, number>();
  readonly #apis = new Map<string, LocalApi>();
  readonly #clients = new Set<WatchingClient>();
  /** The watches of clients' own, which last as at the API server. */
  readonly #own = new Map<string, ServedWatch>();
  /** What the API server has been asked for all users, but for what is over since long ago. */
  #responses: ServedWatch[] = [];
  readonly #lastSender = new Map<string, string>();
  #isCalm = false;
  /** What is wrong; undefined while nothing is. */
  problem: string | undefined;
  /** How often a watch was sent again as another user, a user was refused, and an API was another server's. */
  readonly seen = { 'as another': 0, refusals: 0, 'not confirmed': 0, 'rights ended': 0 };

  constructor(random: Random, sharing: Sharing) {
    this.#random = random;
    this.#sharing = sharing;
    const { server } = sharing;
    for (const key of keys) {
      this.#apis.set(key, { confirm: () => this.#confirm(), isLocal: () => this.#confirm() });
      for (const user of users) server.rights.set(`${user} ${key}`, () => this.#review(user, key));
    }
    server.onWatch = watch => this.#onWatch(watch);
  }

  /** What a client of some user asks besides. */
  ask(key: string): Asked {
    const user = this.#random.pick(users);
    return { api: this.#apis.get(key), impersonation: ['Impersonate-User', user], right: `${user} ${key}` };
  }

  /** Checks from now on what a client of these gets. */
  follow(client: WatchingClient): void {
    const { right } = client.asked;
    if (right === undefined) return;
    this.#clients.add(client);
    const head = client.head.bind(client);
    client.head = (...parts) => {
      if (parts[0] === 200) this.#require(right, this.#now, 'begins');
      return head(...parts);
    };
    client.onData = () => {
      const since = this.#own.get(client.id)?.isAborted === false ? undefined : this.#oldestResponse(right);
      if (since !== undefined) this.#require(right, since, 'gets events');
    };
  }

  forget(client: WatchingClient): void {
    this.#clients.delete(client);
  }

  /** One right begins or ends. */
  change(): void {
    const right = `${this.#random.pick(users)} ${this.#random.pick(keys)}`;
    if (this.#denied.delete(right) || this.#random.chance(0.5)) return;
    this.#denied.add(right);
    this.#endedAt.set(right, this.#now);
    this.seen['rights ended'] += 1;
  }

  /** Everybody may do everything. */
  calm(): void {
    this.#isCalm = true;
    this.#denied.clear();
  }

  /** Answers a watch as the API server does. */
  answer(watch: ServedWatch): void {
    const right = rightOf(watch);
    if (right === undefined || this.#isCalm) watch.open();
    else if (this.#denied.has(right)) this.#refuse(watch, 403);
    else if (this.#random.chance(0.1)) this.#refuse(watch, 429);
    else watch.open();
  }

  #refuse(watch: ServedWatch, status: number): void {
    this.seen.refusals += 1;
    watch.open(status);
  }

  get #now(): number {
    return this.#sharing.clock.monotonic();
  }

  #review(user: string, key: string): Promise<boolean> {
    if (!this.#isCalm && this.#random.chance(0.05)) return Promise.reject(new Error('no answer'));
    return Promise.resolve(!this.#denied.has(`${user} ${key}`));
  }

  #confirm(): true | Promise<boolean> {
    if (this.#isCalm || this.#random.chance(0.6)) return true;
    const isLocal = this.#random.chance(0.5);
    if (!isLocal) this.seen['not confirmed'] += 1;
    return turn().then(() => isLocal);
  }

  /** A user's right has to be there, or to have been there shortly before this moment. */
  #require(right: string, moment: number, what: string): void {
    const endedAt = this.#denied.has(right) ? (this.#endedAt.get(right) ?? 0) : Number.POSITIVE_INFINITY;
    if (endedAt < moment - remembered)
      this.problem ??= `${right} ${what} at ${moment}, and its right has ended at ${endedAt}`;
  }

  #onWatch(watch: ServedWatch): void {
    if (watch.path.startsWith('/own'))
      this.#own.set(fieldValue(watch.request.headers, 'x-client') ?? '', watch);
    const right = rightOf(watch);
    if (right === undefined || !watch.path.startsWith('/shared')) return;
    this.#require(right, this.#now - longestWait, 'is a sender');
    this.#responses.push(watch);
    const isThere = [...this.#clients].some(
      ({ asked, ended }) => asked.right === right && ended === undefined,
    );
    if (!isThere) this.problem ??= `${right} is a sender without a client`;
    const key = right.replace(/^.* /, '');
    const last = this.#lastSender.get(key);
    if (last !== undefined && last !== right) this.seen['as another'] += 1;
    this.#lastSender.set(key, right);
  }

  /** When the oldest response was asked for that may give events to a user with this right; undefined if there is none. */
  #oldestResponse(right: string): number | undefined {
    const key = right.replace(/^.* /, '');
    this.#responses = this.#responses.filter(
      watch => watch.overAt === undefined || watch.overAt > this.#now - lastsOn,
    );
    const moments = this.#responses.filter(watch => keyOf(watch) === key).map(({ sentAt }) => sentAt);
    return moments.length === 0 ? undefined : Math.min(...moments);
  }
}

/** For how many milliseconds clients may still get what came with a response that is over: until it is asked about them again. */
const lastsOn = 5_000;

function keyOf({ path }: ServedWatch): string {
  return keys.find(one => path.includes(`labelSelector=${one}`)) ?? assert.fail(path);
}

/** The right that a watch needs; undefined if it is not of one of the users here. */
function rightOf(watch: ServedWatch): string | undefined {
  return watch.user === undefined ? undefined : `${watch.user} ${keyOf(watch)}`;
}
