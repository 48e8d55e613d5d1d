import assert from 'node:assert/strict';
import type { Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { Distributor } from '../../src/workers/distributor.js';
import { Member } from '../../src/workers/member.js';

type Sent = { readonly socket: Socket; readonly options: object; done(error: Error | null): void };

/** A worker's process whose answers come from the test. */
class FakeWorker extends EventEmitter {
  readonly process = new EventEmitter();
  readonly sent: Sent[] = [];
  acknowledged = 0;

  constructor() {
    super();
    this.process.on('internalMessage', ({ cmd }) => {
      if (cmd === 'NODE_HANDLE_ACK') this.acknowledged += 1;
    });
  }

  isConnected(): boolean {
    return true;
  }

  send(_message: object, socket: Socket, options: object, done: (error: Error | null) => void): void {
    this.sent.push({ socket, options, done });
  }
}

function create(count: number) {
  const workers = Array.from({ length: count }, () => new FakeWorker());
  const members = workers.map((worker, index) => {
    const member = new Member(index + 1, worker as unknown as Worker, {
      answers: {} as never,
      onMessage: () => {},
      onExit: () => {},
    });
    member.isServing = true;
    return member;
  });
  return { workers, members, distributor: new Distributor(() => members) };
}

const failure = new Error('write ETOOMANYREFS');
const counts = (members: readonly Member[]) =>
  members.map(({ connections, isFree }) => [connections, isFree]);

describe('a connection that cannot be sent to a worker', () => {
  it('goes to another worker, and the first is used again with its former count', () => {
    const { workers, members, distributor } = create(2);
    const socket = new Socket();
    distributor.accept(socket);
    const [one, other] = workers as [FakeWorker, FakeWorker];
    assert.deepEqual(one.sent[0]?.options, { keepOpen: true });
    one.sent[0]?.done(failure);
    assert.deepEqual(counts(members), [
      [0, true],
      [1, false],
    ]);
    other.sent[0]?.done(failure);
    assert.equal(one.sent[1]?.socket, socket);
    one.sent[1].done(null);
    assert.equal(socket.destroyed, false);
    members[0]?.taken();
    assert.ok(socket.destroyed, 'the descriptor of this process is closed when the worker has its own');
    assert.deepEqual(counts(members), [
      [1, true],
      [0, true],
    ]);
  });

  it('goes to another worker if its descriptor did not arrive', () => {
    const { workers, members, distributor } = create(2);
    distributor.accept(new Socket());
    workers[0]?.sent[0]?.done(null);
    workers[0]?.process.emit('internalMessage', { cmd: 'NODE_HANDLE_NACK' });
    assert.deepEqual(counts(members), [
      [0, true],
      [1, false],
    ]);
    assert.equal(workers[0]?.acknowledged, 0);
  });

  it('goes to another worker if a living one does not get it, and Node stops waiting', () => {
    const { workers, members, distributor } = create(2);
    distributor.accept(new Socket());
    const [one] = members as [Member];
    for (let sign = 0; sign < 5; sign += 1) one.lives();
    assert.deepEqual(counts(members)[0], [1, false], 'it may still be written');
    workers[0]?.sent[0]?.done(null);
    one.lives();
    one.lives();
    assert.deepEqual(counts(members)[0], [1, false], 'it may still be read');
    one.lives();
    assert.equal(workers[0]?.acknowledged, 1);
    assert.deepEqual(counts(members), [
      [0, true],
      [1, false],
    ]);
  });

  it('is closed after some tries, and does not keep other connections from the workers', () => {
    const { workers, members, distributor } = create(1);
    const [hopeless, next] = [new Socket(), new Socket()];
    distributor.accept(hopeless);
    distributor.accept(next);
    const { sent } = workers[0] as FakeWorker;
    while (sent.at(-1)?.socket === hopeless) sent.at(-1)?.done(failure);
    assert.equal(sent.length, 3);
    assert.ok(hopeless.destroyed);
    assert.equal(sent.at(-1)?.socket, next);
    assert.deepEqual(counts(members), [[1, false]]);
  });

  it('is closed if the worker ends, because that may have read from it', () => {
    const { workers, distributor } = create(1);
    const socket = new Socket();
    distributor.accept(socket);
    workers[0]?.sent[0]?.done(null);
    workers[0]?.emit('exit', null, 'SIGKILL');
    assert.ok(socket.destroyed);
  });
});
