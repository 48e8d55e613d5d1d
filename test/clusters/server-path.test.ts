import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { startInProcess } from '../support/proxy/in-process.js';

/** A server that answers at these paths alone. Returns its URL, and the paths that were asked. */
async function serve(t: TestContext, paths: readonly string[]) {
  const asked: string[] = [];
  const server = http.createServer(({ url = '' }, response) => {
    asked.push(url);
    response.writeHead(paths.includes(url) ? 200 : 404).end('{"gitVersion":"v1.34.0"}');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const path = '/k8s/clusters/c-1';
const append =
  /^the server URL has a path; use --append-server-path to add it to each request, or send it before each path$/;

for (const [what, paths, flags, expected] of [
  ['answers nothing without its path', [`${path}/version`], [], append],
  ['answers nothing, but the flag adds its path', [`${path}/version`], ['--append-server-path'], undefined],
  ['answers without its path too', [`${path}/version`, '/version'], [], undefined],
  ['answers nothing at its path', ['/version'], [], /^nothing answers at the path of the server URL/],
  [
    'answers nothing at the path that the flag adds',
    [],
    ['--append-server-path'],
    /^nothing answers at the path/,
  ],
] as const) {
  test(`a server whose URL has a path ${expected === undefined ? 'brings no warning' : 'brings a warning'} if it ${what}`, async t => {
    const { url, asked } = await serve(t, paths);
    const proxy = await startInProcess(t, [`--server=${url}${path}`, ...flags]);
    const warnings = () =>
      proxy.log().flatMap(({ msg, reason }) => (msg === 'requests to / may get 404' ? [String(reason)] : []));
    const asks = flags.length > 0 || paths[0] === '/version' ? 2 : 3;
    await eventually('the last question', () => asked.length === asks);
    if (expected !== undefined) await eventually('the warning', () => warnings().length > 0);
    await proxy.stop();
    assert.equal(warnings().length, expected === undefined ? 0 : 1, warnings().join('\n'));
    assert.match(warnings()[0] ?? '', expected ?? /^$/);
  });
}

test('a server whose URL has no path is asked for its version once', async t => {
  const { url, asked } = await serve(t, ['/version']);
  const proxy = await startInProcess(t, [`--server=${url}/`]);
  await eventually('the question', () => asked.length > 0);
  await proxy.stop();
  assert.deepEqual([asked, proxy.log().filter(({ level }) => level === 40)], [['/version'], []]);
});
