import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type OpenStream, OpenStreams } from '../../src/proxy/open-streams.js';

let streams: OpenStreams;
let calls: string[];
beforeEach(() => {
  streams = new OpenStreams();
  calls = [];
});

interface Options {
  readonly caller?: boolean;
  readonly upgradedTo?: object;
  readonly longRunning?: boolean;
}

function stream(name: string, { caller = true, upgradedTo, longRunning = true }: Options = {}) {
  const record = { longRunning, isUpgrade: upgradedTo !== undefined };
  return {
    ...{ name, upgradedTo, request: { caller: caller ? { username: 'ann' } : undefined, record } },
    endEarly: () => calls.push(`${name} ends early`),
    destroy: () => calls.push(`${name} is cut off`),
  } as unknown as OpenStream;
}

function follow(): void {
  const say = (what: string) => (each: OpenStream) =>
    void calls.push(`${(each as unknown as { name: string }).name} ${what}`);
  streams.addFollower({
    mayEnd: ({ caller }) => caller !== undefined,
    endsAtExpiry: false,
    began: say('began'),
    opened: say('opened'),
    ended: say('ended'),
  });
}

/** What was called since the last time. */
const called = () => calls.splice(0);

describe('the open streams', () => {
  it('are followed from their beginning to their end, and may be ended if a follower may do that', () => {
    const [one, nobodys] = [stream('one'), stream('nobody’s', { caller: false })];
    const short = stream('short', { longRunning: false });
    for (const followers of [0, 1, 2]) {
      const times = (...what: string[]) => what.flatMap(each => Array(followers).fill(each));
      assert.deepEqual(
        [one, nobodys].map(each => streams.mayEnd(each.request)),
        [followers > 0, false],
      );
      for (const each of [one, nobodys]) streams.add(each);
      assert.deepEqual(called(), times('one began').concat(times('nobody’s began')));
      for (const each of [one, nobodys]) streams.opened(each);
      assert.deepEqual(called(), times('one opened').concat(times('nobody’s opened')));
      for (const each of [one, nobodys]) streams.delete(each);
      assert.deepEqual(called(), times('one ended').concat(times('nobody’s ended')));
      streams.add(short);
      streams.delete(short);
      assert.deepEqual(called(), times('short began', 'short ended'));
      follow();
    }
  });

  it('are asked to end at a shutdown, also those that begin later, and cut off at its end', async () => {
    const [gone, open, late] = [stream('gone'), stream('open'), stream('late')];
    for (const each of [gone, open, stream('short', { longRunning: false })]) streams.add(each);
    streams.delete(gone);
    assert.equal(streams.ending, false);
    await turn();
    assert.deepEqual(called(), []);
    streams.end();
    assert.deepEqual([streams.ending, ...called()], [true, 'open ends early']);
    streams.add(late);
    assert.deepEqual(called(), [], 'not before its request is sent');
    await turn();
    assert.deepEqual(called(), ['late ends early']);
    streams.destroy();
    assert.deepEqual(called(), ['open is cut off', 'late is cut off']);
  });

  it('are counted by the cluster that they are upgraded to', () => {
    const [dev, prod] = [{}, {}];
    const all = [dev, dev, prod, undefined].map(upgradedTo =>
      stream('x', { ...(upgradedTo && { upgradedTo }), longRunning: false }),
    );
    for (const each of all) streams.add(each);
    assert.deepEqual(
      [dev, prod, {}].map(cluster => streams.upgradedTo(cluster as never)),
      [2, 1, 0],
    );
  });
});
