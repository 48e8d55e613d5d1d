import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, describe, test } from 'node:test';
import { shownChanges, untilListed } from '../../../support/clients/initial-events.js';
import type { WatchClient } from '../../../support/clients/watch-client.js';
import { eventually } from '../../../support/eventually.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';
import { forms, type NamespaceWatch, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

const stack = await startStack({ after }, { run: startInProcess, flags: ['--share-watches'] });
const { server } = stack;

/** A namespace with two objects. */
function twoObjects(): WatchedNamespace {
  const namespace = new WatchedNamespace(stack);
  namespace.writeAll('b', 'a');
  return namespace;
}

const objects = ['ADDED a', 'ADDED b', 'END'];
const asked: NamespaceWatch = { initial: true };

/** Answers those watches of a namespace that begin with the objects, instead of the server. */
function answerInitialStreams(
  namespace: WatchedNamespace,
  answer: (response: ServerResponse, request: IncomingMessage) => void,
): () => void {
  return server.intercept((request, response) => {
    const { url = '' } = request;
    if (!url.startsWith(namespace.path) || !url.includes('sendInitialEvents=true')) return false;
    answer(response, request);
    return true;
  });
}

/** A line of JSON events, such as an API server writes it. */
function line(type: string, name: string, version: number, annotations?: Record<string, string>): string {
  const metadata = {
    ...(name && { name }),
    resourceVersion: String(version),
    ...(annotations && { annotations }),
  };
  return `${JSON.stringify({ type, object: { kind: 'ConfigMap', apiVersion: 'v1', metadata } })}\n`;
}

const end = (version: number) => line('BOOKMARK', '', version, { 'k8s.io/initial-events-end': 'true' });

function begin(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders();
}

describe('an API server that stops in the middle of the initial events', { concurrency: false }, () => {
  const stops: readonly (readonly [string, 'end' | 'cut', () => unknown])[] = [
    ['is killed and started again', 'cut', () => server.restart()],
    ['ends its watches cleanly', 'end', () => server.endWatches()],
    ['breaks its connections off', 'cut', () => server.cut()],
  ];
  for (const [what, how, stop] of stops) {
    test(`ends its clients, as it would directly, if it ${what}`, async () => {
      const namespace = twoObjects();
      const release = server.initialEvents.hold(1);
      const watches = await namespace.watchMany(1, asked);
      const direct = await namespace.direct(asked);
      for (const watch of [...watches, direct]) await watch.until(1);
      await stop();
      release();
      for (const watch of [...watches, direct]) {
        assert.equal(await watch.ended, how);
        assert.deepEqual(shownChanges(watch), ['ADDED a']);
      }
      const again = await namespace.watch(asked);
      await untilListed(again);
      assert.deepEqual(shownChanges(again), objects);
      again.close();
    });
  }

  test('is noticed by no client that has had its bookmark, and is asked for no initial events again', async () => {
    const namespace = twoObjects();
    const watches = [await namespace.watch(asked), await namespace.watch(asked)];
    for (const watch of watches) await untilListed(watch);
    const before = namespace.upstream().length;
    await server.restart();
    namespace.write('c');
    for (const watch of watches) {
      await watch.untilNamed('"c"');
      assert.deepEqual(shownChanges(watch), [...objects, 'ADDED c']);
      assert.equal(watch.state(), 'open');
    }
    const resumed = namespace.upstream().slice(before);
    assert.equal(resumed.length, 1);
    assert.doesNotMatch(resumed[0]?.rawUrl ?? '', /sendInitialEvents|resourceVersionMatch/);
    for (const watch of watches) watch.close();
  });

  test('ends its clients with its 410 if their version is too old after a restart', async () => {
    const namespace = twoObjects();
    const watch = await namespace.watch(asked);
    await untilListed(watch);
    await server.kill();
    namespace.write('c');
    server.compact();
    await server.restart();
    assert.equal(await watch.ended, 'end');
    assert.equal(watch.events().at(-1)?.object.code, 410);
  });
});

describe('an API server that does something else', { concurrency: 4 }, () => {
  const refusal =
    '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"ListOptions.meta.k8s.io \\"\\" is invalid: ' +
    'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",' +
    '"reason":"Invalid","code":422}\n';
  for (const status of [400, 403, 410, 422, 429, 500, 503]) {
    test(`gives each client its own ${status} if it rejects the parameter`, async () => {
      const namespace = twoObjects();
      let count = 0;
      const remove = answerInitialStreams(namespace, response => {
        count += 1;
        response.writeHead(status, { 'Content-Type': 'application/json', 'Retry-After': '7' }).end(refusal);
      });
      for (let attempt = 0; attempt < 2; attempt += 1) {
        for (const watch of await namespace.watchMany(3, asked)) {
          assert.equal(await watch.ended, 'end');
          assert.deepEqual([watch.status, String(watch.bytes())], [status, refusal]);
          assert.equal(watch.headers['retry-after'], '7');
        }
      }
      assert.ok(count >= 6, 'each client has an answer of its own');
      remove();
      const watch = await namespace.watch(asked);
      await untilListed(watch);
      watch.close();
    });
  }

  test('and ignores the parameter, as versions before 1.27 do, is passed on all the same', async () => {
    const namespace = twoObjects();
    const open: ServerResponse[] = [];
    answerInitialStreams(namespace, response => {
      begin(response);
      open.push(response);
      response.write(line('ADDED', 'a', 7) + line('ADDED', 'b', 5));
    });
    const watches = await namespace.watchMany(3, asked);
    for (const watch of watches) await watch.until(2);
    for (const response of open) response.write(line('BOOKMARK', '', 9) + line('MODIFIED', 'a', 10));
    for (const watch of watches) {
      await watch.until(4);
      assert.deepEqual(watch.lines(), ['ADDED a 7', 'ADDED b 5', 'BOOKMARK 9', 'MODIFIED a 10']);
    }
  });

  test('and sends changes between the initial events has them passed on before the bookmark', async () => {
    const namespace = twoObjects();
    const { version } = server;
    const lines = [
      line('ADDED', 'c', version - 1),
      line('DELETED', 'c', version + 2),
      line('ADDED', 'd', 1),
      line('ADDED', 'c', version + 3),
      end(version + 3),
      line('MODIFIED', 'c', version + 4),
    ];
    answerInitialStreams(namespace, response => {
      begin(response);
      for (const event of lines) response.write(event);
    });
    const watch = await namespace.watch(asked);
    await watch.until(lines.length);
    assert.equal(String(watch.bytes()), lines.join(''));
    watch.close();
  });

  for (const code of [410, 504]) {
    test(`and ends the initial events with an ERROR (${code}) has it passed on`, async () => {
      const namespace = twoObjects();
      const error = `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"code":${code}}}\n`;
      answerInitialStreams(namespace, response => {
        begin(response);
        response.end(line('ADDED', 'a', 7) + error);
      });
      for (const watch of await namespace.watchMany(2, asked)) {
        assert.equal(await watch.ended, 'end');
        assert.equal(String(watch.bytes()), line('ADDED', 'a', 7) + error);
      }
    });
  }

  test('and breaks off within an event leaves no half event behind that a client could take for one', async () => {
    const namespace = twoObjects();
    answerInitialStreams(namespace, response => {
      begin(response);
      response.write(`${line('ADDED', 'a', 7)}{"type":"ADDED","obj`, () => response.destroy());
    });
    const watch = await namespace.watch(asked);
    assert.equal(await watch.ended, 'cut');
    assert.deepEqual(watch.lines(), ['ADDED a 7']);
  });

  test('and compresses although it may not has its answer passed on', async () => {
    const { gzipSync } = await import('node:zlib');
    const namespace = twoObjects();
    const body = gzipSync(line('ADDED', 'a', 7));
    answerInitialStreams(namespace, response => {
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' });
      response.end(body);
    });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const watch = await namespace.watch({ ...asked, headers: { 'Accept-Encoding': 'gzip' } });
      await watch.ended;
      assert.deepEqual(watch.bytes(), body);
    }
  });

  test('and puts the annotation into no row of a Table without objects, or only into one, is passed on all the same', async () => {
    const namespace = twoObjects();
    const question = { ...asked, query: '&includeObject=None', headers: { Accept: forms.table } };
    const watches = [await namespace.watch(question), await namespace.watch(question)];
    for (const watch of watches) await watch.until(3);
    namespace.write('c');
    for (const watch of watches) {
      await watch.untilNamed('"c"');
      assert.deepEqual(
        watch.events().map(({ type }) => type),
        ['ADDED', 'ADDED', 'BOOKMARK', 'ADDED'],
      );
    }
  });
});

describe('the shared watch that a client moves to', { concurrency: 4 }, () => {
  test('may be behind the bookmark: the client gets none of its earlier events', async () => {
    const namespace = twoObjects();
    const from = server.version;
    let behind: ServerResponse | undefined;
    const remove = server.intercept((request, response) => {
      const { url = '' } = request;
      if (!url.startsWith(namespace.path) || url.includes('sendInitialEvents')) return false;
      begin(response);
      behind = response;
      return true;
    });
    const listed = await namespace.watch({ from });
    const version = namespace.write('c');
    const initial = await namespace.watch(asked);
    await untilListed(initial);
    await namespace.untilUpstream(1);
    const last = Number(initial.events().at(-1)?.object.metadata.resourceVersion);
    behind?.write(line('ADDED', 'c', version) + line('BOOKMARK', '', last) + line('ADDED', 'd', last + 1));
    await listed.until(2);
    await initial.untilNamed('"d"');
    assert.deepEqual(listed.lines(), [`ADDED c ${version}`, `ADDED d ${last + 1}`]);
    assert.deepEqual(shownChanges(initial), ['ADDED a', 'ADDED b', 'ADDED c', 'END', 'ADDED d']);
    assert.equal(initial.events().filter(({ type }) => type === 'BOOKMARK').length, 1);
    remove();
    for (const watch of [listed, initial]) watch.close();
  });

  test('is its own one if the other does not reach back to its bookmark', async () => {
    const namespace = twoObjects();
    const release = server.initialEvents.hold(2);
    const initial = await namespace.watch(asked);
    await initial.until(2);
    namespace.writeAll('c', 'd');
    const listed = await namespace.watch();
    namespace.write('e');
    await listed.untilNamed('"e"');
    release();
    await initial.untilNamed('"e"');
    namespace.write('f');
    for (const watch of [listed, initial]) await watch.untilNamed('"f"');
    assert.deepEqual(shownChanges(initial), [...objects, 'ADDED c', 'ADDED d', 'ADDED e', 'ADDED f']);
    assert.deepEqual(shownChanges(listed), ['ADDED e', 'ADDED f']);
    for (const watch of [listed, initial]) watch.close();
  });

  test('has the same columns: a Table’s other columns keep the client at its own', async () => {
    const namespace = twoObjects();
    const table = (
      type: string,
      version: number,
      columns: readonly string[] | null,
      annotations?: object,
    ) => {
      const definitions = columns?.map(name => ({ name, type: 'string' })) ?? null;
      const object = {
        kind: 'PartialObjectMetadata',
        metadata: { resourceVersion: `${version}`, ...(annotations && { annotations }) },
      };
      return `${JSON.stringify({
        type,
        object: {
          ...{ kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: { resourceVersion: `${version}` } },
          ...{ columnDefinitions: definitions, rows: [{ cells: [`${version}`], object }] },
        },
      })}\n`;
    };
    const open: ServerResponse[] = [];
    const remove = server.intercept((request, response) => {
      if (request.url?.startsWith(`${namespace.path}?`) !== true) return false;
      begin(response);
      const isInitialStream = request.url.includes('sendInitialEvents');
      open[isInitialStream ? 1 : 0] = response;
      if (!isInitialStream) response.write(table('ADDED', 101, ['Name']));
      else {
        response.write(table('ADDED', 90, ['Name', 'Status']));
        response.write(table('BOOKMARK', 101, null, { 'k8s.io/initial-events-end': 'true' }));
      }
      return true;
    });
    const headers = { Accept: forms.table };
    const listed = await namespace.watch({ from: 100, headers });
    await listed.until(1);
    const initial = await namespace.watch({ ...asked, headers });
    await untilListed(initial);
    open[0]?.write(table('ADDED', 102, null));
    open[1]?.write(table('MODIFIED', 102, null));
    const second = (watch: WatchClient, type: string) =>
      eventually('the change', () =>
        watch.events().some(event => event.type === type && event.object.metadata.resourceVersion === '102'),
      );
    await second(listed, 'ADDED');
    await second(initial, 'MODIFIED');
    assert.equal(initial.frames().length, 3);
    remove();
    for (const watch of [listed, initial]) watch.close();
  });
});
