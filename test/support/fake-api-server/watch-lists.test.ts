import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { createGunzip, gunzipSync } from 'node:zlib';
import { anyApiServer, embedded } from '../any-api-server.js';
import { open, requestApi, tlsTo } from '../clients/http-client.js';
import { shownChanges, shownEvents, untilListed } from '../clients/initial-events.js';
import { readWatch, watchServer } from '../clients/watch-client.js';
import { configMap, configMapsIn } from './config-maps.js';

const server = await anyApiServer({ after }, { compressInitialEvents: true });

const listByWatching = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
const withBookmarks = `${listByWatching}&allowWatchBookmarks=true`;
const forms = {
  json: 'application/json',
  partial: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  table: 'application/json;as=Table;v=v1;g=meta.k8s.io',
};
const protobuf = 'application/vnd.kubernetes.protobuf';

/** A namespace with the config maps a and b, and the version of the last one. */
async function twoObjects(): Promise<{ namespace: string; path: string; version: string }> {
  const namespace = await server.createNamespace();
  const path = configMapsIn(namespace);
  let version = '';
  for (const name of ['b', 'a']) {
    const written = await server.admin.do('POST', path, configMap(namespace, name));
    version = (written as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
  }
  return { namespace, path, version };
}

describe('a watch that begins with the objects', { concurrency: 4 }, () => {
  for (const [form, Accept] of Object.entries(forms)) {
    for (const version of ['unset', '0', 'a number']) {
      test(`gets each object, a bookmark with the annotation, and then the changes (${form}, version ${version})`, async () => {
        const { namespace, path, version: last } = await twoObjects();
        const asked = { unset: '', '0': '&resourceVersion=0' }[version] ?? `&resourceVersion=${last}`;
        const watch = await watchServer(server, `${path}?${withBookmarks}${asked}`, { Accept });
        await untilListed(watch);
        await server.admin.do('POST', path, configMap(namespace, 'c'));
        await watch.untilNamed('"c"');
        const events = shownChanges(watch);
        watch.close();
        if (version === '0') {
          // The state of the API server's cache may be a little older than the last write.
          assert.ok(events.indexOf('END') < events.indexOf('ADDED c'));
          assert.deepEqual(events.toSorted(), ['ADDED a', 'ADDED b', 'ADDED c', 'END']);
        } else assert.deepEqual(events, ['ADDED a', 'ADDED b', 'END', 'ADDED c']);
      });
    }
  }

  for (const Accept of [protobuf, `${protobuf};as=PartialObjectMetadata;v=v1;g=meta.k8s.io`]) {
    test(`has the annotation in its bookmark as ${Accept}`, async () => {
      const { path } = await twoObjects();
      const watch = await watchServer(server, `${path}?${withBookmarks}`, { Accept });
      await watch.until(3);
      const texts = watch.frames().map(frame => frame.toString('latin1'));
      watch.close();
      for (const part of ['ADDED', 'k8s\0', 'v1', 'a']) assert.ok(texts[0]?.includes(part), part);
      for (const part of ['BOOKMARK', 'k8s\0', 'k8s.io/initial-events-end', 'true'])
        assert.ok(texts[2]?.includes(part), part);
    });
  }

  test('has the annotation in the row of its bookmark, even in a Table whose other rows have no object', async () => {
    const { path } = await twoObjects();
    const target = `${path}?${withBookmarks}&includeObject=None`;
    const watch = await watchServer(server, target, { Accept: forms.table });
    await watch.until(3);
    assert.deepEqual(
      watch.events().map(({ object }) => object.rows?.[0]?.object?.kind ?? null),
      [null, null, 'PartialObjectMetadata'],
    );
    assert.equal(shownEvents(watch)[2], 'END');
    watch.close();
  });

  test('gets no bookmark unless it allows bookmarks', async () => {
    const { namespace, path } = await twoObjects();
    const watch = await watchServer(server, `${path}?${listByWatching}`);
    await watch.until(2);
    await server.admin.do('POST', path, configMap(namespace, 'c'));
    await watch.until(3);
    assert.deepEqual(shownEvents(watch), ['ADDED a', 'ADDED b', 'ADDED c']);
    watch.close();
  });

  test('is every watch from no version or from version 0, with a bookmark if it allows them', async () => {
    const { path } = await twoObjects();
    for (const version of ['', '&resourceVersion=0']) {
      const watch = await watchServer(server, `${path}?watch=true&allowWatchBookmarks=true${version}`);
      await watch.until(3);
      assert.deepEqual(shownChanges(watch), ['ADDED a', 'ADDED b', 'END']);
      watch.close();
    }
  });

  test('gets only matching objects with a selector, and one object with its name in the path or a field selector', async () => {
    const { path } = await twoObjects();
    for (const more of ['&fieldSelector=metadata.name%3Db', '&labelSelector=x%21%3Dy']) {
      const watch = await watchServer(server, `${path}?${withBookmarks}${more}`);
      await untilListed(watch);
      assert.deepEqual(
        shownChanges(watch),
        more.includes('label') ? ['ADDED a', 'ADDED b', 'END'] : ['ADDED b', 'END'],
      );
      watch.close();
    }
  });

  test('from a version that the API server does not reach gets a 504 after a while', async () => {
    const { path, version } = await twoObjects();
    const future = Number(version) + 1_000_000;
    const watch = await watchServer(server, `${path}?${withBookmarks}&resourceVersion=${future}`);
    assert.equal(await watch.ended, 'end');
    const text = String(watch.bytes()).replace(/current: \d+/, 'current: NOW');
    assert.equal(
      text,
      '{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Timeout: Too ' +
        `large resource version: ${future}, current: NOW","reason":"Timeout","details":{"causes":[{"reason":` +
        '"ResourceVersionTooLarge","message":"Too large resource version"}],"retryAfterSeconds":1},"code":504}}\n',
    );
  });

  test('from a version before the history gets the objects, and no 410', async () => {
    const { path } = await twoObjects();
    const watch = await watchServer(server, `${path}?${withBookmarks}&resourceVersion=1`);
    await untilListed(watch);
    for (const name of ['"a"', '"b"']) await watch.untilNamed(name);
    // The state of the API server's cache may be a little older than the last write.
    assert.deepEqual(shownChanges(watch).toSorted(), ['ADDED a', 'ADDED b', 'END']);
    watch.close();
  });
});

test('a watch with sendInitialEvents=false begins with the changes from now on', async () => {
  const { namespace, path } = await twoObjects();
  const query = 'watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan';
  const watch = await watchServer(server, `${path}?${query}`);
  await server.admin.do('POST', path, configMap(namespace, 'c'));
  await watch.until(1);
  assert.deepEqual(shownEvents(watch), ['ADDED c']);
  watch.close();
});

const needsMatch =
  'resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
const needsEvents =
  'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided';
const needsVersion =
  'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided';
const noContinue =
  'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided';
const forWatches = (value: string) =>
  `resourceVersionMatch: Unsupported value: "${value}": supported values: "NotOlderThan"`;

describe('the API server rejects', { concurrency: 4 }, () => {
  const wrong: Readonly<Record<string, readonly string[]>> = {
    'watch=1&sendInitialEvents=true': [needsMatch],
    'watch=1&sendInitialEvents=false&resourceVersion=1': [needsMatch],
    'watch=1&sendInitialEvents=': [needsMatch],
    'watch=1&sendInitialEvents=true&resourceVersionMatch=Exact': [needsMatch, forWatches('Exact')],
    'watch=1&resourceVersionMatch=NotOlderThan': [needsEvents],
    'watch=1&resourceVersionMatch=notOlderThan&resourceVersion=7': [needsEvents, forWatches('notOlderThan')],
    'watch=1&sendInitialEvents=1&resourceVersionMatch=NotOlderThan&continue=x': [noContinue],
    'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0': [
      'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
    ],
    'resourceVersionMatch=NotOlderThan': [needsVersion],
    'resourceVersionMatch=Exact&resourceVersion=0': [
      'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ],
    'resourceVersionMatch=Newest&continue=x&limit=1': [
      needsVersion,
      noContinue,
      'resourceVersionMatch: Unsupported value: "Newest": supported values: "Exact", "NotOlderThan", ""',
    ],
  };
  for (const [query, texts] of Object.entries(wrong)) {
    test(`${query} with a 422 in these words`, async () => {
      const { status, json } = await requestApi(server, { path: `${configMapsIn('default')}?${query}` });
      assert.equal(status, 422);
      const { message, details, ...rest } = json as { message: string; details: Record<string, unknown> };
      const all = texts.length === 1 ? texts.join() : `[${texts.join(', ')}]`;
      assert.equal(message, `ListOptions.meta.k8s.io "" is invalid: ${all}`);
      const causes = texts.map(text => {
        const [field = '', ...parts] = text.split(': ');
        const reason = parts[0] === 'Forbidden' ? 'FieldValueForbidden' : 'FieldValueNotSupported';
        return { reason, message: parts.join(': '), field };
      });
      assert.deepEqual(details, { group: 'meta.k8s.io', kind: 'ListOptions', causes });
      assert.deepEqual(rest, {
        ...{
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Failure',
          reason: 'Invalid',
          code: 422,
        },
      });
    });
  }
});

describe('initial events', { ...embedded }, () => {
  const ask = (path: string, encoding: string) =>
    open(Number(new URL(server.url).port), path, {
      headers: { 'Accept-Encoding': encoding },
      tls: tlsTo(server),
    });

  test('and the rest of their watch are compressed for a client that accepts gzip, event by event', async () => {
    const { namespace, path } = await twoObjects();
    const response = await ask(`${path}?${withBookmarks}`, 'deflate, gzip');
    assert.equal(response.headers['content-encoding'], 'gzip');
    assert.equal(response.headers['vary'], 'Accept-Encoding');
    const received: Buffer[] = [];
    response.on('data', (chunk: Buffer) => received.push(chunk));
    const watch = readWatch(response.pipe(createGunzip()), 200, response.headers);
    await watch.until(3);
    await server.admin.do('POST', path, configMap(namespace, 'c'));
    await watch.until(4);
    assert.deepEqual(shownEvents(watch), ['ADDED a', 'ADDED b', 'END', 'ADDED c']);
    const all = Buffer.concat(received);
    const member = all.lastIndexOf(Buffer.from([0x1f, 0x8b, 8]));
    assert.equal(gunzipSync(all.subarray(member)).toString(), String(watch.frames().at(-1)));
    response.destroy();
  });

  test('are not compressed for others, and neither are other watches', async () => {
    const { path, version } = await twoObjects();
    for (const [query, encoding] of [
      [withBookmarks, 'identity'],
      [withBookmarks, 'gzip;q=1'],
      [withBookmarks, ''],
      [listByWatching, 'gzip'],
      [`watch=1&allowWatchBookmarks=true&resourceVersion=${version}`, 'gzip'],
    ] as const) {
      const response = await ask(`${path}?${query}`, encoding);
      assert.equal(response.headers['content-encoding'], undefined, `${query} ${encoding}`);
      response.destroy();
    }
  });

  test('wait while a test holds them, and changes of that time come after the bookmark', async () => {
    const { namespace, path } = await twoObjects();
    const release = server.embedded.initialEvents.hold(1);
    const watch = await watchServer(server, `${path}?${withBookmarks}`);
    await watch.until(1);
    server.embedded.write(configMap(namespace, 'c'));
    server.embedded.remove(configMap(namespace, 'b'));
    assert.deepEqual(shownEvents(watch), ['ADDED a']);
    release();
    await watch.until(5);
    assert.deepEqual(shownEvents(watch), ['ADDED a', 'ADDED b', 'END', 'ADDED c', 'DELETED b']);
    watch.close();
  });

  test('wait for a client that does not read', async () => {
    const { namespace, path } = await twoObjects();
    const text = 'x'.repeat(1_000_000);
    for (let index = 0; index < 30; index += 1)
      server.embedded.write(configMap(namespace, `large-${index}`, { data: { text } }));
    const watch = await watchServer(server, `${path}?${withBookmarks}`);
    watch.pause();
    server.embedded.write(configMap(namespace, 'later'));
    watch.resume();
    await watch.untilNamed('"later"');
    assert.deepEqual(shownEvents(watch).slice(-2), ['END', 'ADDED later']);
    watch.close();
  });
});
