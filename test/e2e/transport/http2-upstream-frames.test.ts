import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { sharedIdentity } from '../../support/certificates/certificates.js';
import { connectRaw, type RawConnection } from '../../support/clients/raw-http.js';
import { within } from '../../support/eventually.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { startProxy } from '../../support/proxy/proxy.js';
import {
  fieldsOf,
  type ServedConnection,
  startFrameServer,
} from '../../support/upstreams/http2-frame-server.js';
import { frameTypes } from '../../support/upstreams/http2-frames.js';

const { rstStream } = frameTypes;
const ok = [[':status', '200']] as const;

const { authority } = await sharedIdentity();
const server = await startFrameServer({ authority, settings: [[3, 250]] });
const { path: kubeconfig } = await writeKubeconfig({
  server: `https://127.0.0.1:${server.port}`,
  ca: authority.certificate,
  token: 'secret-of-the-proxy',
});
const flags = [`--kubeconfig=${kubeconfig}`, '--log-requests=none', '--shutdown-grace=5m'];
const proxy = await startProxy(flags);
after(async () => {
  await proxy.stop('SIGKILL');
  server.close();
});

let watches = 0;

/** A watch of a client that reads bytes, and its stream at the API server. */
async function watch(): Promise<{ client: RawConnection; peer: ServedConnection; id: number }> {
  watches += 1;
  const path = `/api/v1/pods?watch=true&number=${watches}.`;
  const client = await connectRaw(proxy.port);
  client.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  for (;;) {
    for (const peer of server.accepted) {
      const request = peer.frames.find(each => fieldsOf(each).includes(path));
      if (request !== undefined) return { client, peer, id: request.stream };
    }
    await turn();
  }
}

describe('an answer over HTTP/2 that would be malformed over HTTP/1.1', () => {
  const injected = '\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\ninjected';
  // test/transport/http2/heads.test.ts has all of them.
  const heads: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
    'a value with a line break': [...ok, ['x', `y${injected}`]],
    'a status with a line break': [[':status', `200${injected}`]],
    'transfer-encoding': [...ok, ['transfer-encoding', 'chunked']],
    'two lengths': [...ok, ['content-length', '1'], ['content-length', '2']],
  };
  test('becomes a 502 because of its head, and others continue', async () => {
    const other = await watch();
    for (const [what, fields] of Object.entries(heads)) {
      const { client, peer, id } = await watch();
      peer.head(id, fields, false);
      peer.data(id, 'injected', true);
      const [head] = await client.until(/^HTTP\/1\.1 502 [\s\S]*"code":502\}/);
      assert.doesNotMatch(head, /injected/, what);
      assert.match(head, /not valid HTTP\/2/, what);
      await peer.until('RST_STREAM', each => each.type === rstStream && each.stream === id);
      // The connection can be used for another request.
      client.write('GET /-/livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      assert.match((await client.untilClosed()).slice(head.length), /^\s*HTTP\/1\.1 200 /);
    }
    other.peer.head(other.id, ok, false);
    other.peer.data(other.id, 'goes on', true);
    await other.client.until(/7\r\ngoes on\r\n0\r\n\r\n$/);
    other.client.destroy();
  });

  test('is cut because of its trailers', async () => {
    const { client, peer, id } = await watch();
    peer.head(id, ok, false);
    peer.data(id, 'body');
    await client.until(/4\r\nbody\r\n$/);
    peer.head(id, [['x', `y${injected}`]], true);
    const text = await client.untilClosed();
    assert.match(text, /4\r\nbody\r\n$/);
    assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1);
  });
});

test('an idle connection does not delay the exit of the program', async () => {
  const { client, peer, id } = await watch();
  peer.head(id, ok, false);
  peer.data(id, 'ends', true);
  await client.until(/ends\r\n0\r\n\r\n$/);
  client.destroy();
  const { code } = await within('the end of the program', proxy.stop());
  assert.equal(code, 0);
});
