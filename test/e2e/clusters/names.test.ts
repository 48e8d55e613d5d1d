import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { connectHttp2, headOf, openStream } from '../../support/clients/http2-client.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import {
  createChainFiles,
  type ManyClusters,
  startManyClusters,
  startManyStack,
} from '../../support/proxy/many-clusters.js';
import { send } from '../leg.js';

const clusters = await startManyClusters({ after });
const secure = await createChainFiles();
const [plain, tls] = await Promise.all([
  startManyStack({ after }, { clusters }),
  startManyStack({ after }, { clusters, tls: secure }),
]);

let marks = 0;

/** The target with a query that identifies one request, and where it arrived there: the context, and the target. */
function marked(target: string, { arrivals }: Pick<ManyClusters, 'arrivals'>) {
  marks += 1;
  const mark = `mark=${marks}.`;
  const arrived = () =>
    arrivals(mark).map(
      ({ context, target: found }) => `${context},${found.replace(new RegExp(`[?&]${mark}$`), '')}`,
    );
  return { path: `${target}${target.includes('?') ? '&' : '?'}${mark}`, arrived };
}

/** Spellings that reach no cluster. */
const nowhere: readonly string[] = [
  ...['/clusters/a/../b/version', '/clusters/a/..%2fb/version', '/clusters/a/%2e%2e/b/version'],
  ...['/clusters/a/./version', '/clusters/./a/version', '/clusters/a/./api/v1/pods'],
  ...['/x/../clusters/a/version', '/clusters/a\\..\\b/version', '/clusters\\a/version'],
  ...['/clusters//a/version', '/clusters///version', '/clusters/%2fa/version', '/clusters/a%2fversion'],
  ...['/clusters/a%2Fapi/v1/namespaces', '/clusters/a%5cversion', '/clusters/a%/version'],
  ...['/clusters/%zz/version', '/clusters/a%00/version', '/clusters/a%0a/version'],
  ...['/clusters/a%09/version', '/clusters/a\xff/version', '/clusters/%ff/version'],
  ...['/clusters/a;b/version', '/clusters/a;/version', '/clusters/a;x=1/../b/version'],
  ...['/clusters/a%3b/version', '/clusters/a%3fx/version', '/clusters/a%23/version'],
  ...['/clusters/.a/version', '/clusters/a,b/version', '/clusters/a+b/version'],
  ...['/clusters/%2561/version', '/clusters/%252e%252e/version', '/clusters/a%252f..%252fb/version'],
  ...['/clusters/*/version', '/clusters/__proto__/version', '/clusters/constructor/version'],
  ...['/clusters/toString', '/clusters/?a', '/clusters?/a/version', '/clusters', '/clusters/'],
  ...['http://127.0.0.1/clusters/a/version', 'http://b/clusters/a/version'],
  ...['https://user:secret@127.0.0.1/clusters/a/version', '*'],
];
/** Spellings that may reach the cluster of this context, with this path if it is another one. */
const somewhere: readonly (readonly [target: string, context: string, path?: string])[] = [
  ['//127.0.0.1/clusters/a/version', 'one'],
  ['/clusters/%61/version', 'a', '/version'],
  ['/%63lusters/a/version', 'one'],
  ['/clusters%2fa/version', 'one'],
  ['/Clusters/a/version', 'one'],
  ['//clusters/a/version', 'one'],
  ['/%2fclusters/a/version', 'one'],
  ['/clustersa/version', 'one'],
  ['/clusters/a//version', 'a', '//version'],
  ['/clusters/a/%2fversion', 'a', '/%2fversion'],
  ['/clusters/a/clusters/b/version', 'a', '/clusters/b/version'],
  ['/clusters/a/%2576ersion', 'a', '/%2576ersion'],
];
/** The requests that each spelling may cause: a context with the path that its cluster may get, or none. */
const spellings: readonly (readonly [target: string, may: readonly string[]])[] = [
  ...nowhere.map(target => [target, []] as const),
  ...somewhere.map(([target, context, path = target]) => [target, [`${context},${path}`]] as const),
];

/** Dot segments, backslashes, broken escapes and absolute targets. */
const isUnclear = /[/\\](\.|%2e){1,2}[/\\]|\\|%zz|%00|^http/i;

for (const leg of ['plain', 'websocket'] as const) {
  test(`no spelling reaches another cluster than the named one on the ${leg} leg`, async () => {
    for (const [target, may] of spellings) {
      const { path, arrived } = marked(target, plain);
      const answer = await send(plain.port, { leg, target: path });
      for (const found of arrived()) assert.ok(may.includes(found), `${target} arrived as ${found}`);
      const codes = isUnclear.test(target) ? [400, 0] : [400, 404, 0];
      if (may.length === 0) assert.ok(codes.includes(answer.code), `${target}: ${answer.raw.slice(0, 300)}`);
      if (answer.code === 0) assert.match(target, /\xff/, 'only what is no HTTP ends without an answer');
    }
  });
}

test('no spelling reaches another cluster than the named one over HTTP/2', encrypted, async t => {
  const http2 = await connectHttp2(tls.port, secure.authority.certificate);
  t.after(() => http2.destroy());
  for (const [target, may] of spellings) {
    // Node's client does not send a target that is not a path.
    if (!/^[\x21-\x7e]+$/.test(target)) continue;
    const { path, arrived } = marked(target, tls);
    const stream = openStream(http2, path);
    const head = await Promise.race([
      headOf(stream),
      new Promise<{ ':status'?: number }>(resolve => stream.once('close', () => resolve({}))),
    ]);
    stream.resume();
    for (const found of arrived()) assert.ok(may.includes(found), `${target} arrived as ${found}`);
    if (may.length === 0)
      assert.ok([400, 404, undefined].includes(head[':status']), `${target}: ${head[':status']}`);
  }
  assert.ok(!http2.destroyed);
});
