import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { connectRaw } from '../../support/clients/raw-http.js';
import { until } from '../../support/eventually.js';
import { type FakeApiServer, startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import type { KubeconfigFile } from '../../support/proxy/kubeconfig-file.js';
import { type ProxyProcess, startProxy, writeAdminKubeconfig } from '../../support/proxy/proxy.js';
import { steady } from '../../support/steady.js';
import { clientRequests, parseAnswer } from '../leg.js';

const echo = '/api/v1/namespaces/default/services/web/proxy';

/** The request that an attack hides in another one, whose end two programs could find at different positions. NNN is replaced by a number. */
const smuggled = `GET ${echo}/smuggled-NNN HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
const first = `POST ${echo}/first-NNN HTTP/1.1\r\nHost: 127.0.0.1\r\n`;

/** The smuggled request, placed where another reading of the length would end the body. */
const behindChunks = `0\r\n\r\n${smuggled}`;

const smuggledLength = smuggled.length;

const attacks: Readonly<Record<string, string>> = {
  'Content-Length before Transfer-Encoding': `${first}Content-Length: ${behindChunks.length}\r\nTransfer-Encoding: chunked\r\n\r\n${behindChunks}`,
  'Content-Length after Transfer-Encoding': `${first}Transfer-Encoding: chunked\r\nContent-Length: ${behindChunks.length}\r\n\r\n${behindChunks}`,
  'a Content-Length of 0 with Transfer-Encoding': `${first}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n${behindChunks}`,
  'two different Content-Length headers': `${first}Content-Length: 0\r\nContent-Length: ${smuggledLength}\r\n\r\n${smuggled}`,
  'two values in one Content-Length': `${first}Content-Length: 0, ${smuggledLength}\r\n\r\n${smuggled}`,
  'a Content-Length with a sign': `${first}Content-Length: +${smuggledLength}\r\n\r\n${smuggled}`,
  'a hexadecimal Content-Length': `${first}Content-Length: 0x${smuggledLength.toString(16)}\r\n\r\n${smuggled}`,
  'a Content-Length of 64 bits and more': `${first}Content-Length: 18446744073709551616\r\n\r\n${smuggled}`,
  'an empty Content-Length': `${first}Content-Length:\r\n\r\n${smuggled}`,
  'a folded Content-Length': `${first}Content-Length:\r\n ${smuggledLength}\r\n\r\n${smuggled}`,
  'a space before the colon of Content-Length': `${first}Content-Length : ${smuggledLength}\r\n\r\n${smuggled}`,
  'a space before the colon of Transfer-Encoding': `${first}Content-Length: ${behindChunks.length}\r\nTransfer-Encoding : chunked\r\n\r\n${behindChunks}`,
  'a space before Transfer-Encoding': `${first}Content-Length: ${behindChunks.length}\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n${behindChunks}`,
  'Transfer-Encoding behind a bare LF': `${first}Content-Length: ${behindChunks.length}\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n${behindChunks}`,
  'Transfer-Encoding behind a bare CR': `${first}Content-Length: ${behindChunks.length}\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n${behindChunks}`,
  'Transfer-Encoding behind a NUL': `${first}Content-Length: ${behindChunks.length}\r\nX: y\x00\r\nTransfer-Encoding\x00: chunked\r\n\r\n${behindChunks}`,
  'a head that ends with bare LFs': `${first}Content-Length: ${smuggledLength + 2}\r\nX: y\n\n${smuggled}\r\n`,
  'an underscore in Transfer_Encoding': `${first}Content-Length: ${behindChunks.length}\r\nTransfer_Encoding: chunked\r\n\r\n${behindChunks}`,
  'a Transfer-Encoding of xchunked': `${first}Transfer-Encoding: xchunked\r\n\r\n${behindChunks}`,
  'a Transfer-Encoding of identity': `${first}Transfer-Encoding: identity\r\n\r\n${behindChunks}`,
  'a Transfer-Encoding of chunked, identity': `${first}Transfer-Encoding: chunked, identity\r\n\r\n${behindChunks}`,
  'a Transfer-Encoding of gzip, chunked': `${first}Transfer-Encoding: gzip, chunked\r\n\r\n${behindChunks}`,
  'a Transfer-Encoding of "chunked" in quotes': `${first}Transfer-Encoding: "chunked"\r\n\r\n${behindChunks}`,
  'a Transfer-Encoding with a vertical tab': `${first}Transfer-Encoding: \x0bchunked\r\n\r\n${behindChunks}`,
  'an empty Transfer-Encoding': `${first}Transfer-Encoding:\r\n\r\n${behindChunks}`,
  'two Transfer-Encoding headers': `${first}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${behindChunks}`,
  'Transfer-Encoding in HTTP/1.0': `${first.replace('HTTP/1.1', 'HTTP/1.0')}Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${behindChunks}`,
  'a chunk extension with a bare LF': `${first}Transfer-Encoding: chunked\r\n\r\n0;a\n${smuggled}\r\n\r\n`,
  'a chunk size line that ends with a bare LF': `${first}Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n${smuggled}`,
  'a chunk with two bytes for its end': `${first}Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n${smuggled}`,
  'a chunked body that ends with bare LFs': `${first}Transfer-Encoding: chunked\r\n\r\n0\n\n${smuggled}`,
  'a chunk size with 0x': `${first}Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n${smuggled}`,
  'a chunk size of more than 64 bits': `${first}Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n${smuggled}`,
  'a chunk size of nothing': `${first}Transfer-Encoding: chunked\r\n\r\n\r\n${smuggled}`,
  'a header without a colon': `${first}x\r\nContent-Length: 0\r\n\r\n${smuggled}`,
  'a header name with a NUL': `${first}X\x00: y\r\nContent-Length: 0\r\n\r\n${smuggled}`,
  'a header value with a bare CR': `${first}X: a\rb\r\nContent-Length: 0\r\n\r\n${smuggled}`,
  'a version of HTTP/1.2': `${first.replace('HTTP/1.1', 'HTTP/1.2')}Content-Length: 0\r\n\r\n${smuggled}`,
  'no version at all': `GET ${echo}/first-NNN\r\n${smuggled}`,
  'the preface of HTTP/2': `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${smuggled}`,
  'a version of HTTP/0.9': `${first.replace('HTTP/1.1', 'HTTP/0.9')}Content-Length: 0\r\n\r\n${smuggled}`,
  'a target that ends where the version should begin': `${first.replace(' HTTP/1.1', '')}Content-Length: 0\r\n\r\n${smuggled}`,
  'an absolute-form target': `${first.replace(echo, `http://127.0.0.1${echo}`)}Content-Length: ${behindChunks.length}\r\nTransfer-Encoding: chunked\r\n\r\n${behindChunks}`,
  'an upgrade with a length': `${first}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\n${smuggled}`,
  'an upgrade with chunks': `${first}Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n${behindChunks}`,
  'an upgrade to HTTP/2': `${first}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n${smuggled}`,
  'an upgrade that is not asked for in Connection, behind a length': `${first}Upgrade: websocket\r\nContent-Length: ${smuggledLength}\r\n\r\n${smuggled}`,
  'a Content-Length in HTTP/1.0 that is twice there': `${first.replace('HTTP/1.1', 'HTTP/1.0')}Content-Length: 0\r\nContent-Length: ${smuggledLength}\r\n\r\n${smuggled}`,
  'a chunk size with trailing blanks': `${first}Transfer-Encoding: chunked\r\n\r\n0 \r\n\r\n${smuggled}`,
  'a chunk extension in quotes that holds a line end': `${first}Transfer-Encoding: chunked\r\n\r\n0;a="\r\n\r\n${smuggled}"\r\n\r\n`,
  'something behind the version': `${first.replace('HTTP/1.1', 'HTTP/1.1 x')}Content-Length: 0\r\n\r\n${smuggled}`,
  'a body behind a GET': `${first.replace('POST', 'GET')}Content-Length: ${smuggledLength}\r\n\r\n${smuggled}`,
  'a chunked body behind a DELETE': `${first.replace('POST', 'DELETE')}Transfer-Encoding: chunked\r\n\r\n${smuggledLength.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
  'a chunk extension of its own': `${first}Transfer-Encoding: chunked\r\n\r\n${smuggledLength.toString(16)};a="b"\r\n${smuggled}\r\n0;c\r\n\r\n`,
  'a request in a trailer': `${first}Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\nContent-Length: ${smuggledLength}\r\nHost: evil\r\n\r\n`,
  'a length that Connection names': `${first}Connection: Content-Length\r\nContent-Length: ${smuggledLength}\r\n\r\n${smuggled}`,
  'a coding that Connection names': `${first}Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n${smuggledLength.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
  'Expect with a length that Connection names': `${first}Connection: Content-Length, Expect\r\nExpect: 100-continue\r\nContent-Length: ${smuggledLength}\r\n\r\n${smuggled}`,
  'a request behind one that closes the connection': `${first}Connection: close\r\nContent-Length: 0\r\n\r\n${smuggled}`,
};

let server: FakeApiServer;
let kubeconfig: KubeconfigFile;
let proxy: ProxyProcess;
/** The bytes that each client received within a second, by number. */
let received: string[];

/** Whether an attack has a request line with an unknown HTTP version. */
function hasUnknownVersion(name: string): boolean {
  return /version|preface/.test(name);
}

before(async () => {
  server = await startFakeApiServer();
  kubeconfig = await writeAdminKubeconfig(server);
  proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`]);
  received = await Promise.all(
    Object.entries(attacks).map(async ([name, bytes], index) => {
      const connection = await connectRaw(proxy.port);
      // As long as NNN, so that the lengths stay correct.
      connection.write(Buffer.from(bytes.replaceAll('NNN', String(index + 100)), 'latin1'));
      // These are answered and closed; the others may wait for more bytes of the request.
      await connection.untilClosed(hasUnknownVersion(name) ? undefined : 1000).catch(() => {});
      connection.destroy();
      return connection.received();
    }),
  );
  await steady(() => server.requests.length);
  // A smuggled request would arrive before this later one.
  await send(proxy.port, '/behind-all-of-them');
  await server.waitForRequest(({ rawUrl }) => rawUrl === '/behind-all-of-them');
});

after(async () => {
  await proxy.stop();
  await server.kill();
});

describe('a request smuggled by', () => {
  for (const [index, name] of Object.keys(attacks).entries()) {
    it(`${name} does not reach the API server`, () => {
      const number = index + 100;
      const urls = clientRequests(server).map(({ rawUrl }) => rawUrl);
      assert.ok(!urls.includes(`${echo}/smuggled-${number}`), received[index]);
      const count = urls.filter(url => url === `${echo}/first-${number}`).length;
      const { code } = parseAnswer(
        (received[index] as string).replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, ''),
      );
      if (count === 0) assert.ok([0, 400, 501, 505].includes(code), received[index]);
      else assert.equal(count, 1);
    });
  }

  it('an unknown version does not reach the API server, nor does the request with that version', () => {
    const urls = clientRequests(server).map(({ rawUrl }) => rawUrl);
    for (const [index, name] of Object.keys(attacks).entries()) {
      if (!hasUnknownVersion(name)) continue;
      assert.ok(!urls.some(url => url.includes(`-${index + 100}`)), name);
      assert.match(received[index] as string, /^HTTP\/1\.1 400 /, name);
    }
  });

  it('nothing except a head of its own is a real second request, which arrives', async () => {
    const connection = await connectRaw(proxy.port);
    const get = (name: string) => `GET ${echo}/${name} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
    connection.write(get('one') + get('two'));
    await connection.until(/"rawUrl":"[^"]*\/one"[\s\S]*"rawUrl":"[^"]*\/two"/);
    connection.destroy();
  });
});

describe('a body', () => {
  it('that looks like a request is the body of the one before it, byte for byte', async () => {
    const names = Object.keys(attacks);
    for (const name of [
      'a body behind a GET',
      'a length that Connection names',
      'a coding that Connection names',
      'a chunk extension of its own',
    ]) {
      const number = names.indexOf(name) + 100;
      const record = await server.waitForRequest(({ rawUrl }) => rawUrl === `${echo}/first-${number}`);
      await until(() => record.bodyBytes >= smuggledLength);
      assert.equal(record.bodyBytes, smuggledLength, name);
    }
  });
});
