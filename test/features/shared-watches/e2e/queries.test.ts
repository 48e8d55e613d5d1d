import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { anyApiServer } from '../../../support/any-api-server.js';
import { connectHttp2, headOf, openStream } from '../../../support/clients/http2-client.js';
import { openWatch, readWatch, type WatchClient } from '../../../support/clients/watch-client.js';
import { eventually } from '../../../support/eventually.js';
import { AnyWatchedNamespace } from '../../../support/proxy/any-watched-namespace.js';
import { hasTls } from '../../../support/proxy/encrypted.js';
import { startStack } from '../../../support/proxy/stack.js';

const server = await anyApiServer({ after });
const { port, ca } = await startStack({ after }, { server, tls: true, flags: ['--share-watches'] });
const proxy = { url: `${hasTls ? 'https' : 'http'}://127.0.0.1:${port}` };
const session = hasTls ? await connectHttp2(port, ca) : undefined;
after(() => session?.destroy());

const overHttp1 = (target: string, headers: Readonly<Record<string, string>>) =>
  openWatch(proxy.url + target, { headers, ...(hasTls && { ca }) });

/** The same over HTTP/2, if the program has it. */
async function overHttp2(target: string, headers: Readonly<Record<string, string>>): Promise<WatchClient> {
  if (!session) return overHttp1(target, headers);
  const stream = openStream(session, target, headers);
  const head = await headOf(stream);
  return readWatch(stream, head[':status'] ?? 0, head);
}

/** The watch of a program, as its source makes it. */
interface Program {
  /** The query of a watch from a version, with a time limit in seconds if the program sends one. */
  readonly query: (version: string, seconds: number) => string;
  readonly headers: Readonly<Record<string, string>>;
}

/** As Go prints it. */
const duration = (seconds: number) => `${Math.floor(seconds / 60)}m${seconds % 60}s`;
const selectors = 'fieldSelector=metadata.name%3Dseen&labelSelector=app%3Dweb';
const go = { 'accept-encoding': 'gzip' };
const table =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';

const programs: Readonly<Record<string, Program>> = {
  // gentype/type.go, with the options of tools/cache/reflector.go
  "client-go's typed informers": {
    query: (version, seconds) =>
      `allowWatchBookmarks=true&resourceVersion=${version}&timeout=${duration(seconds)}&timeoutSeconds=${seconds}&watch=true`,
    headers: { ...go, accept: 'application/json, */*' },
  },
  "client-go's typed informers with protobuf and selectors": {
    query: (version, seconds) =>
      `allowWatchBookmarks=true&${selectors}&resourceVersion=${version}&timeout=${duration(seconds)}&timeoutSeconds=${seconds}&watch=true`,
    headers: { ...go, accept: 'application/vnd.kubernetes.protobuf,application/json' },
  },
  // dynamic/simple.go
  "client-go's dynamic informers": {
    query: (version, seconds) =>
      `allowWatchBookmarks=true&resourceVersion=${version}&timeoutSeconds=${seconds}&watch=true`,
    headers: { ...go, accept: 'application/json' },
  },
  // rest/request.go: a request without a time limit of its own has that of the rest.Config.
  "client-go's dynamic clients with a timeout": {
    query: (version, seconds) => `resourceVersion=${version}&timeout=${duration(seconds)}&watch=true`,
    headers: { ...go, accept: 'application/json' },
  },
  // Seen with kubectl 1.32.
  'kubectl get --watch': {
    query: version => `resourceVersion=${version}&watch=true`,
    headers: { ...go, accept: table },
  },
  'kubectl get --watch --request-timeout': {
    query: (version, seconds) =>
      `${selectors}&resourceVersion=${version}&timeout=${duration(seconds)}&watch=true`,
    headers: { ...go, accept: table },
  },
  'kubectl wait': {
    query: (version, seconds) =>
      `allowWatchBookmarks=true&fieldSelector=metadata.name%3Dseen&resourceVersion=${version}&timeoutSeconds=${seconds}&watch=true`,
    headers: { ...go, accept: 'application/json' },
  },
  // watch.js and cache.js of 1.4
  'the JavaScript client': {
    query: version => `watch=true&resourceVersion=${version}&labelSelector=app%3Dweb`,
    headers: { accept: '*/*', 'accept-encoding': 'gzip, deflate, br' },
  },
  // watch/watch.py and api/core_v1_api.py; newer versions write `true`.
  'the Python client': {
    query: (version, seconds) =>
      `labelSelector=app%3Dweb&resourceVersion=${version}&timeoutSeconds=${seconds}&watch=True`,
    headers: { accept: 'application/json', 'content-type': 'application/json' },
  },
};

describe('five clients with a time limit each share one watch of the API server', { concurrency: 4 }, () => {
  for (const [program, { query, headers }] of Object.entries(programs)) {
    test(`if they are ${program}`, async () => {
      const namespace = await AnyWatchedNamespace.create({ server, proxy });
      const from = await namespace.version();
      const watches = await Promise.all(
        [554, 301, 599, 420, 360].map((seconds, index) => {
          const open = index % 2 === 0 ? overHttp1 : overHttp2;
          return open(`${namespace.path}?${query(from, seconds)}`, headers);
        }),
      );
      await namespace.write('seen');
      for (const { status, bytes } of watches) {
        assert.equal(status, 200);
        await eventually('the event', () => bytes().length > 0);
      }
      for (const watch of watches) watch.close();
      const upstream = await namespace.upstream();
      assert.equal(upstream.length, 1);
      // The proxy's own parameters replace those of the clients.
      const { searchParams } = new URL(upstream[0]?.target ?? '', server.url);
      const expected = new URLSearchParams(query(from, 1));
      for (const name of ['timeout', 'timeoutSeconds']) expected.delete(name);
      expected.set('allowWatchBookmarks', 'true');
      searchParams.sort();
      expected.sort();
      assert.equal(String(searchParams), String(expected));
    });
  }
});

test('a client whose `timeout` is no duration of Go has a watch of its own, with that `timeout`', async () => {
  const namespace = await AnyWatchedNamespace.create({ server, proxy });
  const target = await namespace.target();
  const watches = [];
  for (const more of ['', '&timeout=9m14s', '&timeout=30', '&timeout=']) {
    for (const open of [overHttp1, overHttp2]) watches.push(await open(target + more, {}));
  }
  await namespace.write('seen');
  for (const watch of watches) await watch.untilNamed('seen');
  for (const watch of watches) watch.close();
  const timeouts = (await namespace.upstream()).map(
    ({ target: arrived }) => /timeout=.*|$/.exec(arrived)?.[0],
  );
  assert.deepEqual(timeouts.sort(), ['', 'timeout=', 'timeout=', 'timeout=30', 'timeout=30']);
});
