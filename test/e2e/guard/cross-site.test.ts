import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { send as sendPlain } from '../../support/clients/http-client.js';
import { ask, connectHttp2, type Http2Answer } from '../../support/clients/http2-client.js';
import { projectFile } from '../../support/project.js';
import { callersFlag } from '../../support/proxy/callers.js';
import { hasTls } from '../../support/proxy/encrypted.js';
import { createChainFiles, startManyClusters, startManyStack } from '../../support/proxy/many-clusters.js';
import { type AttackRequest, assertStatus, type Leg, legs, send } from '../leg.js';

const clusters = await startManyClusters({ after });
const files = await createChainFiles();
const tokens = join(clusters.folder, 'tokens.csv');
await writeFile(tokens, 'alice-token,alice,,\n');
const flags = [...['--reject-paths=', `--www=${projectFile('test/fixtures')}`]];
const [open, secure, authenticated] = await Promise.all([
  startManyStack({ after }, { clusters, flags }),
  startManyStack({ after }, { clusters, flags, tls: files }),
  startManyStack({ after }, { clusters, flags: [...flags, callersFlag(tokens)] }),
]);
const http2 = hasTls ? await connectHttp2(secure.port, files.authority.certificate) : undefined;
after(() => http2?.destroy());

/** Asks over HTTP/2 too, if the program has it, and looks at the answer. */
async function overHttp2(
  target: string,
  headers: OutgoingHttpHeaders,
  look: (answer: Http2Answer) => void,
): Promise<void> {
  if (http2 !== undefined) look(await ask(http2, target, { headers }));
}

/** What the program answers itself below `/-/`, but for probes: the index, and what that names. */
const { text: indexText } = await sendPlain(open.port, '/-/');
const ownPaths = ['/-/', ...(indexText.match(/^\/-\/(?!livez|readyz)\S+/gm) ?? [])];

const pod = '/api/v1/namespaces/default/pods/web-0';
const proxied = '/api/v1/namespaces/default/services/web/proxy/';

/** What browsers send with a request, by its name. */
type Sent = Readonly<Record<string, string>>;
type Mode = 'navigate' | 'no-cors' | 'cors' | 'websocket';
const metadata = (mode: Mode, dest: string, more: Sent = {}): Sent => ({
  ...{ 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': mode, 'Sec-Fetch-Dest': dest },
  ...more,
});
const evil = { Referer: 'https://evil.example/' };
const link = metadata('navigate', 'document', { 'Sec-Fetch-User': '?1', ...evil });
const frame = metadata('navigate', 'iframe', evil);

/** Ways in which a page of another site reaches the port without a preflight; test/guard/cross-site.test.ts has all of them. */
const driveBys: Readonly<Record<string, readonly [method: string, sent: Sent]>> = {
  'a frame': ['GET', frame],
  'an image without a Referer': ['GET', metadata('no-cors', 'image')],
  'a HEAD without CORS': ['HEAD', metadata('no-cors', 'empty', evil)],
  'a form with POST': ['POST', { ...link, Origin: 'https://evil.example' }],
  'a preflight': [
    'OPTIONS',
    metadata('cors', 'empty', { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'PUT' }),
  ],
};

const lines = (sent: Sent) => Object.entries(sent).map(([name, value]) => `${name}: ${value}`);
const request = (
  target: string,
  [method, sent]: readonly [string, Sent],
  leg: Leg = 'plain',
): AttackRequest => ({ ...{ target, method, leg, headers: lines(sent) } });

/** Marks a target, so that a test finds its requests at the API servers. */
let marks = 0;
function marked(target: string): { readonly target: string; readonly arrived: () => number } {
  const mark = `site=${++marks}.`;
  return { target: `${target}?${mark}`, arrived: () => clusters.arrivals(mark).length };
}

/** Asserts that a request of another site gets 403 for that reason on every leg and HTTP version, and reaches no API server. */
async function assertRejected(path: string, sent: readonly [string, Sent], what: string): Promise<void> {
  for (const { port } of [open, authenticated]) {
    for (const leg of Object.keys(legs) as Leg[]) {
      const { target, arrived } = marked(path);
      const answer = await send(port, request(target, sent, leg));
      const name = `${what} of ${path} (${leg})`;
      assert.equal(answer.code, 403, `${name}: ${answer.raw.slice(0, 300)}`);
      assert.equal(answer.headers.get('cross-origin-resource-policy'), 'same-origin', name);
      if (sent[0] !== 'HEAD') assert.match(assertStatus(answer, 403, name), /another site/, name);
      assert.equal(arrived(), 0, name);
    }
  }
  const { target, arrived } = marked(path);
  const [method, headers] = sent;
  await overHttp2(target, { ':method': method, ...headers }, answer => {
    assert.equal(answer.status, 403, `${what} of ${path} (HTTP/2)`);
    assert.equal(answer.headers['cross-origin-resource-policy'], 'same-origin');
    if (method !== 'HEAD') assert.match(answer.text, /another site/);
    assert.equal(arrived(), 0);
  });
}

describe('a page of another site', () => {
  test('runs no exec plugin of a context that was never used, whatever it embeds or sends', async () => {
    for (const [what, sent] of Object.entries(driveBys)) {
      await assertRejected('/clusters/two/version', sent, what);
    }
    assert.equal(clusters.plugin.runs(), 0);
    assert.equal(clusters.dialledTwo(), 0);
    const { code } = await send(open.port, request('/clusters/two/version', ['GET', link]));
    assert.equal(code, 200);
    assert.equal(clusters.plugin.runs(), 1);
  });

  test('reaches no API, no own path and no file, before callers are authenticated', async () => {
    for (const path of [pod, '/', '/-/none', ...ownPaths]) {
      await assertRejected(path, ['GET', frame], 'a frame');
    }
    for (const path of ['/static/', '/static/resources.txt', '/clusters/none/version', proxied]) {
      await assertRejected(path, ['GET', metadata('no-cors', 'image', evil)], 'an image');
    }
  });

  test('may link here', async () => {
    for (const target of [pod, '/-/', '/-/metrics', '/static/resources.txt', '/clusters/a/version']) {
      assert.equal((await send(open.port, request(target, ['GET', link]))).code, 200, target);
      await overHttp2(target, link, ({ status }) => assert.equal(status, 200, target));
    }
    // A link without a credential is no caller.
    assertStatus(await send(authenticated.port, request(pod, ['GET', link])), 401, 'link');
  });
});
