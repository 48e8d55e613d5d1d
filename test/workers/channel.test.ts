import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Channel } from '../../src/workers/channel.js';

interface Questions {
  double: { question: number; answer: number };
  fail: { question: undefined; answer: never };
  wait: { question: undefined; answer: never };
}
type None = Record<never, never>;
type Note = { readonly type: 'note'; readonly text: string };

function connect() {
  const notes: string[] = [];
  const answers = {
    double: async (value: number) => value * 2,
    fail: async () => {
      throw new Error('no');
    },
    wait: () => new Promise<never>(() => {}),
  };
  const asking: Channel<Questions, None, Note> = new Channel<Questions, None, Note>(
    message => queueMicrotask(() => answering.receive(structuredClone(message) as Note)),
    { answers: {}, onMessage: () => {} },
  );
  const answering: Channel<None, Questions, Note> = new Channel<None, Questions, Note>(
    message => queueMicrotask(() => asking.receive(structuredClone(message) as Note)),
    { answers, onMessage: ({ text }) => notes.push(text) },
  );
  return { asking, answering, notes };
}

test('questions get their own answers in any order', async () => {
  const { asking } = connect();
  const answers = await Promise.all([1, 2, 3].map(value => asking.ask('double', value)));
  assert.deepEqual(answers, [2, 4, 6]);
});

test('a rejected answer has the message of its error', async () => {
  const { asking } = connect();
  await assert.rejects(asking.ask('fail', undefined), { message: 'no' });
});

test('plain messages pass next to questions', () => {
  const { answering, notes } = connect();
  answering.receive({ type: 'note', text: 'hello' });
  assert.deepEqual(notes, ['hello']);
});

test('a closed channel rejects waiting and later questions', async () => {
  const { asking } = connect();
  const waiting = asking.ask('wait', undefined);
  asking.close();
  await assert.rejects(waiting, { message: 'the other process is gone' });
  await assert.rejects(asking.ask('double', 1), { message: 'the other process is gone' });
});
