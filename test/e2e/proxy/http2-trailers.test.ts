import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sharedIdentity } from '../../support/certificates/certificates.js';
import { createServingFiles, type ServingFiles } from '../../support/certificates/serving-files.js';
import { ask, connectHttp2, type Http2Answer } from '../../support/clients/http2-client.js';
import { exchangeRaw } from '../../support/clients/raw-http.js';
import { eventually } from '../../support/eventually.js';
import { hasTls } from '../../support/proxy/encrypted.js';
import { type KubeconfigFile, writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { type ProxyProcess, startProxy } from '../../support/proxy/proxy.js';
import { type FrameServer, fieldsOf, startFrameServer } from '../../support/upstreams/http2-frame-server.js';

type Fields = readonly (readonly [name: string, value: string])[];

/** An answer of the API server over HTTP/2. */
interface Answer {
  readonly head: Fields;
  readonly body?: string;
  readonly trailers?: Fields;
}

let server: FrameServer;
let kubeconfig: KubeconfigFile;
let files: ServingFiles;
let plain: ProxyProcess;
let secure: ProxyProcess;

before(async () => {
  const { authority } = await sharedIdentity();
  server = await startFrameServer({ authority, settings: [[3, 250]] });
  kubeconfig = await writeKubeconfig({
    server: `https://127.0.0.1:${server.port}`,
    ca: authority.certificate,
  });
  files = await createServingFiles();
  const flags = [`--kubeconfig=${kubeconfig.path}`, '--log-requests=none'];
  [plain, secure] = await Promise.all([startProxy(flags), startProxy([...flags, ...files.flags])]);
});
after(async () => {
  for (const proxy of [plain, secure]) await proxy?.stop('SIGKILL');
  server?.close();
});

/** Only watches and logs go to the API server over HTTP/2. */
const paths = ['/api/v1/pods?watch=true', '/api/v1/namespaces/default/pods/x/log?follow=true'];

let asked = 0;

/** Sends a request by `send`, and answers it. */
async function exchange<T>(
  path: string,
  { head, body = '', trailers }: Answer,
  send: (path: string) => Promise<T>,
): Promise<T> {
  asked += 1;
  const target = `${path}&number=${asked}.`;
  const received = send(target);
  const find = () =>
    server.accepted.flatMap(peer =>
      peer.frames.filter(each => fieldsOf(each).includes(target)).map(({ stream }) => ({ peer, id: stream })),
    )[0];
  await eventually('the request', () => find() !== undefined);
  const { peer, id } = find() ?? assert.fail();
  const isEmpty = body === '' && trailers === undefined;
  peer.head(id, head, isEmpty);
  if (body !== '') peer.data(id, body, trailers === undefined);
  if (trailers !== undefined) peer.head(id, trailers, true);
  return received;
}

async function overHttp2(path: string, answer: Answer): Promise<Http2Answer> {
  const session = await connectHttp2(secure.port, files.authority.certificate);
  const received = await exchange(path, answer, target => ask(session, target));
  session.destroy();
  return received;
}

function overHttp1(path: string, answer: Answer): Promise<string> {
  return exchange(path, answer, target =>
    exchangeRaw(plain.port, `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
  );
}

for (const path of paths) {
  for (const [announced, fields] of [
    ['announced', [['trailer', 'x-sum']]],
    ['not announced', []],
  ] as const) {
    test(`trailers that are ${announced} follow a body of known length over HTTP/2 alone: ${path}`, async () => {
      const answer: Answer = {
        head: [[':status', '200'], ['content-length', '4'], ...fields],
        body: 'body',
        trailers: [
          ['x-sum', '1'],
          ['access-control-allow-origin', '*'],
        ],
      };
      const received = await overHttp1(path, answer);
      assert.match(received, /^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*\r\nbody$/);
      assert.match(received, /\r\nContent-Length: 4\r\n/);
      assert.doesNotMatch(received, /trailer|x-sum/i);
      if (!hasTls) return;
      const { status, headers, text, trailers, rstCode } = await overHttp2(path, answer);
      assert.deepEqual([status, headers['content-length'], text, rstCode], [200, '4', 'body', 0]);
      assert.equal(headers['trailer'], announced === 'announced' ? 'x-sum' : undefined);
      assert.deepEqual(Object.entries(trailers), [['x-sum', '1']]);
    });
  }

  test(`a 204 has no length over both HTTP versions: ${path}`, async () => {
    for (const length of ['0', '5']) {
      const head: Fields = [
        [':status', '204'],
        ['content-length', length],
      ];
      const received = await overHttp1(path, { head });
      assert.match(received, /^HTTP\/1\.1 204 No Content\r\n(?:.*\r\n)*\r\n$/);
      assert.doesNotMatch(received, /content-length/i);
      if (!hasTls) continue;
      const { status, headers, text, rstCode } = await overHttp2(path, { head });
      assert.deepEqual([status, headers['content-length'], text, rstCode], [204, undefined, '', 0]);
    }
  });
}
