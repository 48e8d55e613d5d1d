import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { connectHttp2, headOf, openStream } from '../../support/clients/http2-client.js';
import { eventually } from '../../support/eventually.js';
import { connectToListener, hasTls } from '../../support/proxy/encrypted.js';
import { startStack } from '../../support/proxy/stack.js';
import { legs, toBytes } from '../leg.js';

/** A line break with a fake log line, terminal commands with ESC and with C1, and right-to-left text. */
const forged = '\n[23:59:59.000] INFO: request\r\x1b[2J\x9b2J\x7f\u2028\u202e';
/** The API server takes the name in a list request from this selector. */
const target = `/api/v1/namespaces/default/pods?fieldSelector=metadata.name%3Dweb-0${encodeURIComponent(forged)}`;
/** Bytes of a header field are one character each. */
const requestId = 'id\x9b2J\x85[23:59:59.000] INFO: request';

const flags = ['--log-format=pretty', '--log-level=debug', '--reject-paths='];
const proxied = await startStack({ after }, { flags, tls: true });

async function send(bytes: Buffer): Promise<void> {
  const socket = connectToListener(proxied);
  socket.on('error', () => {});
  socket.write(bytes);
  await once(socket, 'data');
  socket.destroy();
}

/** The number of requests in the log. */
function logged(): number {
  return proxied.proxy.stderr().match(/ \d{3}, [\d.]+ m?s, /g)?.length ?? 0;
}

test('no text of a client starts a line of the pretty log or controls a terminal', async () => {
  let sent = 0;
  for (const leg of Object.keys(legs) as (keyof typeof legs)[]) {
    await send(toBytes({ leg, target, headers: [`X-Request-Id: ${requestId}`] }));
    sent += 1;
    await eventually(`the line of ${leg}`, () => logged() >= sent);
  }
  if (hasTls) {
    const session = await connectHttp2(proxied.port, proxied.ca);
    await headOf(openStream(session, target, { 'x-request-id': requestId }));
    await eventually('the line of HTTP/2', () => logged() > sent);
    session.destroy();
  }
  const text = proxied.proxy.stderr();
  for (const line of text.trimEnd().split('\n')) assert.match(line, /^(\[\d\d:\d\d:\d\d\.\d+\] [A-Z]+:| )/);
  assert.doesNotMatch(text, /^\[23:59:59/m);
  assert.doesNotMatch(text, /(?!\n)[\p{Cc}\p{Zl}\u202e]/u);
});
