import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { after, type TestContext, test } from 'node:test';
import { ask, connectHttp2, headOf, openStream } from '../support/clients/http2-client.js';
import { eventuallyPasses } from '../support/eventually.js';
import { startStack } from '../support/proxy/stack.js';

const quietWatch = '/api/v1/namespaces/kube-system/pods?watch=true';
const slowPath = '/api/v1/namespaces/default/slow';
const earlyPath = '/api/v1/namespaces/default/early';

const limits = ['--max-requests-inflight-per-user=3', '--max-longrunning-requests-per-user=3'];
const proxied = await startStack({ after }, { tls: true, flags: limits });
proxied.server.intercept(({ url }) => url === slowPath);
proxied.server.intercept(({ url }, response) => {
  if (url !== earlyPath) return false;
  response.writeHead(413);
  response.write('too large');
  response.end();
  return true;
});
const { port, ca } = proxied;
const observer = await connectHttp2(port, ca);
after(() => observer.destroy());

async function connect(t: TestContext): Promise<ClientHttp2Session> {
  const session = await connectHttp2(port, ca);
  t.after(() => session.destroy());
  return session;
}

/** Waits until this number of slots is in use. */
async function untilTaken(inflight: number, longrunning: number): Promise<void> {
  await eventuallyPasses(async () => {
    const { text } = await ask(observer, '/-/metrics');
    const of = (kind: string) =>
      new RegExp(`^kube_api_proxy_request_slots_in_use\\{kind="${kind}"\\} (\\d+)$`, 'm').exec(text)?.[1];
    assert.equal(`${of('inflight')} ${of('longrunning')}`, `${inflight} ${longrunning}`);
  });
}

const ways: Record<string, (session: ClientHttp2Session) => Promise<void>> = {
  'when its answer is complete before its body': async session => {
    const stream = openStream(session, earlyPath, { ':method': 'POST' }, false);
    stream.write('the beginning of something long');
    let text = '';
    stream.on('data', chunk => {
      text += chunk;
    });
    assert.equal((await headOf(stream))[':status'], 413);
    await untilTaken(0, 0);
    if (!stream.closed) await once(stream, 'close');
    assert.equal(text, 'too large');
    assert.equal(stream.rstCode, 0);
    assert.equal((await ask(session, '/version')).status, 200, 'the connection goes on');
  },
  'when it is reset, before there is an answer or as a watch': async session => {
    const watches = [1, 2, 3].map(() => openStream(session, quietWatch));
    await Promise.all(watches.map(headOf));
    const streams = [1, 2, 3].map(() => openStream(session, slowPath));
    await untilTaken(3, 3);
    assert.equal((await ask(session, quietWatch)).status, 429);
    const { status, headers, json } = await ask(session, '/version');
    assert.equal(status, 429);
    assert.equal(headers['retry-after'], '1');
    assert.deepEqual((json as Record<string, unknown>)['details'], { retryAfterSeconds: 1 });
    for (const stream of [...streams, ...watches]) stream.close(8);
  },
  'when it is reset as soon as it is sent': async session => {
    for (let stream = 0; stream < 20; stream++) openStream(session, slowPath).close(8);
    // When this is answered, the program has seen everything before it.
    assert.equal((await ask(session, '/-/livez')).status, 200);
  },
};

for (const [way, go] of Object.entries(ways)) {
  test(`the slot of a request over HTTP/2 becomes free ${way}`, async t => {
    for (let turn = 0; turn < 2; turn++) {
      await go(await connect(t));
      await untilTaken(0, 0);
    }
  });
}
