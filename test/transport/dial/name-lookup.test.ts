import assert from 'node:assert/strict';
import dns, { type LookupAddress } from 'node:dns';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import tls from 'node:tls';
import { createDial } from '../../../src/transport/dial/dial.js';
import { connectByName, NameLookups } from '../../../src/transport/dial/name-lookup.js';
import { closed } from '../../support/closed.js';
import { until } from '../../support/eventually.js';
import { ManualClock } from '../../support/manual-clock.js';
import { listenFor } from '../../support/ports.js';

const local: LookupAddress[] = [{ address: '127.0.0.1', family: 4 }];

/** Lookups with a DNS server that answers when the test says so. */
class Names {
  readonly clock = new ManualClock(0);
  /** The lookups that run, in order, with what ends each. */
  readonly running: { readonly name: string; end(error?: Error): void }[] = [];
  /** Which names were looked up so far. */
  readonly asked: string[] = [];
  readonly lookups: NameLookups;

  /** @param answers The names that the DNS server answers at once. */
  constructor(threads: number, answers: (name: string) => boolean = () => false) {
    this.lookups = new NameLookups(threads, this.clock, (name, _options, callback) => {
      this.asked.push(name);
      if (answers(name)) {
        setImmediate(() => callback(null, local));
        return;
      }
      const one = {
        name,
        end: (error?: Error) => {
          this.running.splice(this.running.indexOf(one), 1);
          if (error === undefined) callback(null, local);
          else callback(error);
        },
      };
      this.running.push(one);
    });
  }

  /** Asks for a name. The list gets an address, or the code of an error. */
  ask(name: string, results: unknown[] = []): { readonly results: unknown[]; leave(): void } {
    const leave = this.lookups.wait(name, ({ error, addresses }) =>
      results.push(error === null ? addresses[0]?.address : error.code),
    );
    return { results, leave };
  }

  get runningNames(): string[] {
    return this.running.map(({ name }) => name);
  }
}

const numbered = (word: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${word}-${index}`);
const notFound = () => Object.assign(new Error('getaddrinfo ENOTFOUND a'), { code: 'ENOTFOUND' });

describe('a host name', () => {
  it('is looked up once for all who wait, and its address is used for 5 s', async () => {
    const names = new Names(4);
    const results: unknown[] = [];
    for (let count = 0; count < 3; count++) names.ask('a', results);
    await turn();
    assert.deepEqual(names.runningNames, ['a']);
    names.running[0]?.end();
    await turn();
    assert.deepEqual(results, Array(3).fill('127.0.0.1'));
    names.clock.advance(4_999);
    names.ask('a', results);
    assert.equal(results.length, 3, 'nobody is called back before the call returns');
    await turn();
    assert.equal(results.length, 4);
    assert.deepEqual(names.asked, ['a']);
    names.clock.advance(1);
    names.ask('a', results);
    await turn();
    assert.deepEqual(names.asked, ['a', 'a']);
  });

  it('is forgotten after 1,000 others, unless somebody uses it or waits for it', async () => {
    const names = new Names(16, name => name !== 'waits');
    const answered = (name: string) => new Promise(resolve => names.lookups.wait(name, resolve));
    const { results } = names.ask('waits');
    for (const name of ['first', 'used', ...numbered('other', 998), 'used', 'last']) await answered(name);
    names.asked.length = 0;
    names.ask('waits', results);
    for (const name of ['used', 'last', 'other-1']) await answered(name);
    names.running[0]?.end();
    await until(() => results.length === 2);
    assert.deepEqual(names.asked, []);
    await answered('first');
    assert.deepEqual(names.asked, ['first']);
  });

  it('that does not resolve says so to all who wait, and for 5 s', async () => {
    const names = new Names(4);
    const { results } = names.ask('a');
    names.ask('a', results);
    await turn();
    names.running[0]?.end(notFound());
    await turn();
    names.clock.advance(4_999);
    names.ask('a', results);
    await turn();
    assert.deepEqual(results, ['ENOTFOUND', 'ENOTFOUND', 'ENOTFOUND']);
    names.clock.advance(1);
    names.ask('a', results);
    await turn();
    names.running[0]?.end();
    await turn();
    assert.equal(results[3], '127.0.0.1');
    assert.equal(names.asked.length, 2);
  });

  it('is not looked up when its turn comes after all who waited have gone', async () => {
    const names = new Names(4);
    names.ask('first');
    const gone = numbered('gone', 50).map(name => names.ask(name));
    names.ask('stays');
    await turn();
    assert.deepEqual(names.asked, ['first']);
    for (const { leave } of gone) leave();
    names.running[0]?.end();
    await turn();
    assert.deepEqual(names.asked, ['first', 'stays']);
    assert.deepEqual(
      gone.flatMap(({ results }) => results),
      [],
    );
    const back = names.ask('gone-0');
    names.running[0]?.end();
    await turn();
    names.running[0]?.end();
    await turn();
    assert.deepEqual(back.results, ['127.0.0.1'], 'it can be asked for again');
  });

  it('waits for nobody after an answer if it has gone', async () => {
    const names = new Names(4, () => true);
    names.ask('a');
    await new Promise(resolve => setTimeout(resolve, 5));
    const { results, leave } = names.ask('a');
    leave();
    await turn();
    assert.deepEqual(results, []);
  });

  for (const count of [1, 20]) {
    it(`is looked up while ${count} others get no answer, whether it is new or known`, async () => {
      // As the program has with --all-contexts.
      const names = new Names(96, name => name.startsWith('healthy'));
      const settled = async (name: string) => {
        const { results } = names.ask(name);
        for (let turns = 0; turns < 5 && results.length === 0; turns++) await turn();
        return results;
      };
      assert.deepEqual(await settled('healthy'), ['127.0.0.1']);
      // A hundred requests for each; later, their names are known as slow.
      for (const round of ['new', 'slow']) {
        for (const name of numbered('hangs', count))
          for (let index = 0; index < 100; index++) names.ask(name);
        await turn();
        names.clock.advance(6_000);
        assert.deepEqual(await settled('healthy'), ['127.0.0.1'], round);
        assert.deepEqual(await settled(`healthy, too, ${round}`), ['127.0.0.1'], round);
        assert.equal(names.running.length, count);
        for (const { end } of [...names.running]) end(notFound());
        await turn();
        names.clock.advance(6_000);
      }
    });
  }

  it('that is slow never has more than half of the lookups, however many there are', async () => {
    const names = new Names(16, name => name.startsWith('healthy'));
    const slow = numbered('slow', 60);
    for (const name of slow) names.ask(name);
    for (let second = 0; second < 15; second++) {
      await turn();
      assert.equal(names.running.length, 4);
      names.clock.advance(1_000);
      for (const { end } of [...names.running]) end(notFound());
    }
    assert.equal(names.asked.length, 60);
    names.clock.advance(5_000);
    for (const name of slow) names.ask(name);
    const { results } = names.ask('healthy');
    for (let turns = 0; turns < 5; turns++) await turn();
    assert.equal(names.running.length, 4);
    assert.deepEqual(results, ['127.0.0.1']);
  });
});

describe('a socket', () => {
  for (const autoSelectFamily of [true, false]) {
    it(`connects to the address of its host name${autoSelectFamily ? '' : ', also if Node asks for one alone'}`, async t => {
      const port = await listenFor(
        t,
        net.createServer(socket => socket.end()),
      );
      const host = 'localhost';
      const socket = connectByName(lookup => net.connect({ host, port, lookup, autoSelectFamily }));
      await once(socket, 'connect');
      await closed(socket.resume());
    });
  }

  it('that is destroyed waits for its address no more, and the others go on', async t => {
    const port = await listenFor(
      t,
      net.createServer(socket => socket.end()),
    );
    const asked = takeLookups(t);
    const connect = () => connectByName(lookup => net.connect({ host: 'a.example', port, lookup }));
    const [gone, stays] = [connect(), connect()];
    let wasAnswered = false;
    gone.once('lookup', () => {
      wasAnswered = true;
    });
    await closed(gone.destroy());
    await turn();
    for (const answer of asked) answer(null, local);
    await once(stays, 'connect');
    await closed(stays.resume());
    assert.deepEqual([asked.length, wasAnswered], [1, false]);
  });

  const servers = ['https:', 'http:'] as const;
  const ways = [undefined, 'http:', 'https:', 'socks5:'] as const;
  for (const [protocol, proxy] of servers.flatMap(one => ways.map(way => [one, way] as const))) {
    it(`to ${protocol}//${proxy === undefined ? '' : ` through ${proxy}//`} shares its lookup with all others to that name`, async t => {
      const asked = takeLookups(t);
      const hostname = `${protocol}${proxy}.example`.replaceAll(':', '');
      const [server, proxyServer] = proxy === undefined ? [hostname] : ['127.0.0.1', hostname];
      const dial = createDial({
        server: { protocol, hostname: server as string, port: 1, path: '' },
        secureContext: () => tls.createSecureContext(),
        ...{ insecureSkipTlsVerify: false, keepAlive: 0 },
        proxy: proxy && { protocol: proxy, hostname: proxyServer as string, port: 1 },
      });
      const errors: (Error | null)[] = [];
      for (let count = 0; count < 100; count++) dial(error => errors.push(error)).destroy();
      const last = new Promise<unknown>(resolve => void dial(resolve));
      await until(() => errors.length === 100);
      assert.equal(asked.length, 1);
      asked[0]?.(notFound());
      assert.match(String(await last), /ENOTFOUND|does not resolve/);
    });
  }
});

/** The lookups of the process, instead of their answers. */
function takeLookups(t: TestContext) {
  const asked: ((error: Error | null, all?: LookupAddress[]) => void)[] = [];
  const take = (_hostname: string, _options: object, callback: (typeof asked)[number]) =>
    asked.push(callback);
  t.mock.method(dns, 'lookup', take as never);
  return asked;
}
