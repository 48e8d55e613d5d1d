import dns, { type LookupAddress } from 'node:dns';
import type net from 'node:net';
import { type Clock, systemClock } from '../../lib/clock.js';
import { FairSlots } from '../../lib/fair-slots.js';

/** Milliseconds that a result is used again, an error too. */
const kept = 5_000;
/** A lookup of so many milliseconds is slow. */
const slow = 1_000;
/** How many names are remembered, besides those that somebody waits for. */
const mostNames = 1_000;

/** How a name was looked up the last time. */
type Pace = 'new' | 'quick' | 'slow';

/** The result of a lookup. */
interface Answer {
  readonly error: NodeJS.ErrnoException | null;
  readonly addresses: readonly LookupAddress[];
}

/** A socket that waits for an address. */
type Waiter = (answer: Answer) => void;

/** A host name. */
interface Name {
  pace: Pace;
  /** Undefined if no lookup runs or waits for its turn. */
  waiting: Set<Waiter> | undefined;
  answer: Answer | undefined;
  /** By the monotonic clock. */
  usableUntil: number;
}

/** Of `dns.lookup`, what is used here. */
type Lookup = (
  hostname: string,
  options: { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses?: LookupAddress[]) => void,
) => void;

/**
 * Looks host names up (getaddrinfo), so that one whose DNS server does not answer keeps no other one from its address. All who wait for a
 * name share one lookup. libuv uses at most half of its threads for lookups, and no lookup can be cancelled; so new names, names that were
 * slow the last time, and those that were quick each get at most half of what is left of these. Others than the operator may choose names,
 * so only some are remembered.
 */
export class NameLookups {
  readonly #slots: FairSlots<Pace>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #lookup: Lookup;
  readonly #names = new Map<string, Name>();

  /** @param threads Of libuv's pool. */
  constructor(
    threads: number,
    clock: Pick<Clock, 'monotonic'> = systemClock,
    lookup: Lookup = (...parts) => dns.lookup(...parts),
  ) {
    // libuv's src/threadpool.c: slow_work_thread_threshold.
    this.#slots = new FairSlots(Math.ceil(threads / 2));
    this.#clock = clock;
    this.#lookup = lookup;
  }

  /** Calls back once and later, with an answer or an error, unless the returned function was called before. */
  wait(hostname: string, callback: Waiter): () => void {
    const name = this.#named(hostname);
    const { answer } = name;
    if (answer !== undefined && this.#clock.monotonic() < name.usableUntil) {
      let isWanted = true;
      process.nextTick(() => isWanted && callback(answer));
      return () => {
        isWanted = false;
      };
    }
    const isFirst = name.waiting === undefined;
    name.waiting ??= new Set();
    const { waiting } = name;
    waiting.add(callback);
    if (isFirst) void this.#answer(hostname, name, waiting);
    return () => waiting.delete(callback);
  }

  #named(hostname: string): Name {
    const known = this.#names.get(hostname);
    const name: Name = known ?? { pace: 'new', waiting: undefined, answer: undefined, usableUntil: 0 };
    // As the newest one.
    this.#names.delete(hostname);
    if (this.#names.size >= mostNames) this.#forgetOldest();
    this.#names.set(hostname, name);
    return name;
  }

  #forgetOldest(): void {
    for (const [hostname, { waiting }] of this.#names) {
      if (waiting !== undefined) continue;
      this.#names.delete(hostname);
      return;
    }
  }

  async #answer(hostname: string, name: Name, waiting: ReadonlySet<Waiter>): Promise<void> {
    const { pace } = name;
    await this.#slots.take(pace);
    // Who has gone needs no lookup.
    if (waiting.size > 0) {
      const began = this.#clock.monotonic();
      name.answer = await this.#addresses(hostname);
      const now = this.#clock.monotonic();
      name.usableUntil = now + kept;
      name.pace = now - began < slow ? 'quick' : 'slow';
    }
    this.#slots.giveBack(pace);
    name.waiting = undefined;
    for (const callback of waiting) callback(name.answer as Answer);
  }

  #addresses(hostname: string): Promise<Answer> {
    return new Promise(resolve =>
      this.#lookup(hostname, { all: true }, (error, addresses = []) => resolve({ error, addresses })),
    );
  }
}

let shared: NameLookups | undefined;

/** Why no connection may go to an IP address; undefined if one may. */
export type RefuseAddress = (address: string) => Error | undefined;

/**
 * Makes a socket whose host name is looked up with those of all other sockets of the process. A socket that closes waits for its address no
 * more. It connects to the addresses that were judged: if one of them is refused, to none.
 */
export function connectByName<S extends net.Socket>(
  connect: (lookup: net.LookupFunction) => S,
  refuse: RefuseAddress = () => undefined,
): S {
  shared ??= new NameLookups(Number(process.env['UV_THREADPOOL_SIZE']) || 4);
  const names = shared;
  let leave = (): void => {};
  const socket = connect((hostname, { all }, callback) => {
    leave = names.wait(hostname, ({ error, addresses }) => {
      const [first] = addresses;
      const [refusal] = addresses.flatMap(({ address }) => refuse(address) ?? []);
      if (refusal !== undefined) callback(refusal, []);
      else if (all || first === undefined) callback(error, [...addresses]);
      else callback(error, first.address, first.family);
    });
  });
  socket.once('close', () => leave());
  return socket;
}
