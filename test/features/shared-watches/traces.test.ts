import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fieldValue } from '../../../src/http/header-fields.js';
import type { SharedTraces } from '../../../src/observability/recorder.js';
import { Sharing, turn } from './sharing.js';
import { bookmarkLine, eventLine } from './watched-server.js';
import { type Asked, WatchingClient } from './watching-client.js';

/** Traces that say what they are told, one line each. */
class ToldTraces implements SharedTraces {
  readonly lines: string[] = [];
  #begun = 0;

  begin(): ReturnType<SharedTraces['begin']> {
    const id = String(++this.#begun);
    const tell = (...what: unknown[]) => void this.lines.push([id, ...what].join(' '));
    return {
      trace: {
        ids: { trace: id, span: id },
        fields: ['traceparent', id],
        phases: { phase: name => tell(name) },
        shared: this,
        joins() {},
      },
      received() {},
      annotate() {},
      sentAs: (_user, host) => tell('sent to', host),
      answered: (code, auditId) => tell('answered', code, auditId),
      started: () => tell('started'),
      completed: (code, failure) => tell('completed', code, failure?.name),
    };
  }
}

it('each request of a shared watch is a trace of its own, which its clients join', async () => {
  const traces = new ToldTraces();
  const sharing = new Sharing();
  const { watch } = sharing;
  const join = async (asked?: Asked) => {
    const joined: unknown[] = [];
    const client = Object.assign(new WatchingClient(asked), {
      traces,
      observer: { trace: { joins: (ids: object | undefined) => joined.push(ids) } },
    });
    sharing.send(client);
    await turn();
    return { client, joined };
  };
  const [first, second] = [await join(), await join()];
  watch().open(200, ['Content-Type', 'application/json', 'Audit-Id', 'a']);
  await turn();
  await sharing.reopen('fail');
  const [third, moving] = [await join(), await join({ initial: true, bookmarks: true })];
  const own = watch(2);
  own.open();
  own.text(eventLine(42, '', { type: 'ADDED' }) + bookmarkLine(100, { 'k8s.io/initial-events-end': 'true' }));
  await turn();
  const [one, two] = ['1', '2'].map(id => ({ trace: id, span: id }));
  assert.deepEqual(
    [first, second, third, moving].map(({ joined }) => joined),
    [[one, two], [one, two], [two], [two]],
  );
  assert.deepEqual(
    [0, 1, 2].map(index => fieldValue(watch(index).request.headers, 'traceparent')),
    ['1', '2', undefined],
  );
  for (const { client } of [first, second, third, moving]) client.trip?.abort();
  const refused = await join();
  watch(3).open(410);
  await turn();
  refused.client.trip?.abort();
  assert.deepEqual(refused.joined, []);
  assert.deepEqual(traces.lines, [
    ...[
      '1 sent to api:6443',
      '1 head',
      '1 answered 200 a',
      '1 started',
      '1 body',
      '1 completed 200 StatusError',
    ],
    ...['2 sent to api:6443', '2 head', '2 answered 200 ', '2 started', '2 body', '2 completed 200 '],
    ...['3 sent to api:6443', '3 head', '3 answered 410 ', '3 body', '3 completed 410 '],
  ]);
});
