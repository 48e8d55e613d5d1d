import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createServingFiles, type ServingFiles } from '../../support/certificates/serving-files.js';
import { ask, connectHttp2 } from '../../support/clients/http2-client.js';
import { exchangeRaw } from '../../support/clients/raw-http.js';
import { encrypted, hasTls } from '../../support/proxy/encrypted.js';
import { readSamples } from '../../support/proxy/own-metric.js';
import { type ProxyProcess, startProxy } from '../../support/proxy/proxy.js';
import { type StrictUpstream, startStrictUpstream } from '../../support/upstreams/strict-upstream.js';
import { chunk, chunked, clientsOf, fields, maxFields, padding } from '../large-head-clients.js';
import { assertStatus, type Leg, legs, parseAnswer } from '../leg.js';

/** Almost the most bytes of a head from the API server. */
const longest = 1_000_000;

const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n';

let answer: string;
let upstream: StrictUpstream;
let files: ServingFiles;
let plain: ProxyProcess;
let secure: ProxyProcess;
const { overHttp1, connect, ends } = clientsOf(() => ({
  port: secure.port,
  ca: files.authority.certificate,
}));

before(async () => {
  upstream = await startStrictUpstream(
    ({ target }, socket) => {
      socket.write(target.startsWith('/api/v1/namespaces') ? `${chunked}\r\n${chunk}` : answer, 'latin1');
    },
    { scheme: 'https' },
  );
  const { path } = await upstream.writeKubeconfig();
  files = await createServingFiles();
  const flags = [`--kubeconfig=${path}`, '--reject-paths=', '--log-requests=none'];
  [plain, secure] = await Promise.all([startProxy(flags), startProxy([...flags, ...files.flags])]);
});
after(async () => {
  for (const proxy of [plain, secure]) await proxy?.stop('SIGKILL');
  await upstream?.stop();
});

describe(`an answer with more than ${maxFields} header fields`, () => {
  const whole = (count: number) => `HTTP/1.1 200 OK\r\n${fields(count - 1)}Content-Length: 0\r\n\r\n`;
  const tooMany = /its answer has more than 1000 header fields$/;

  for (const leg of Object.keys(legs) as Leg[]) {
    for (const [what, answerOf] of [
      ['an answer', whole],
      ['a 101', (count: number) => `${switching}${fields(count - 2)}\r\n`],
    ] as const) {
      if (leg === 'plain' && what === 'a 101') continue;
      it(`is a 502 that says so for a ${leg} request: ${what}`, async () => {
        answer = answerOf(maxFields);
        const most = await overHttp1({ leg, target: '/x' }, /\r\n\r\n/);
        assert.equal(most.match(/^x: y\r$/gm)?.length, maxFields - (what === 'a 101' ? 2 : 1));
        answer = answerOf(maxFields + 1);
        assert.match(assertStatus(parseAnswer(await overHttp1({ leg, target: '/x' })), 502, leg), tooMany);
      });
    }
  }

  it('is a 502 that says so for a client of HTTP/2, whose other streams go on', encrypted, async () => {
    const { session, check } = await connect();
    for (const name of ['x', 'Set-Cookie']) {
      answer = `HTTP/1.1 200 OK\r\n${fields(maxFields, `${name}: y\r\n`)}Content-Length: 0\r\n\r\n`;
      const { status, json } = await ask(session, '/x');
      assert.equal(status, 502);
      assert.match((json as { message: string }).message, tooMany);
    }
    answer = `HTTP/1.1 200 OK\r\n${fields(maxFields - 1, 'Set-Cookie: y\r\n')}Content-Length: 0\r\n\r\n`;
    assert.equal((await ask(session, '/x')).headers['set-cookie']?.length, maxFields - 1);
    await check();
  });
});

describe('a head that is too large for the HTTP/2 connection of its client', encrypted, () => {
  for (const [what, limit, told] of [
    ['what clients with nghttp2 take', 128 * 1024, undefined],
    ['the SETTINGS_MAX_HEADER_LIST_SIZE of the client', 50_000, 50_000],
  ] as const) {
    const head = (bytes: number) => `HTTP/1.1 200 OK\r\n${padding(bytes)}Content-Length: 2\r\n\r\nok`;
    const tooLarge = new RegExp(
      `exceeds the ${limit} bytes of this HTTP/2 connection, or 65536 in one field; try HTTP/1.1$`,
    );

    it(`is a 502 for its stream alone: ${what}`, async () => {
      const { session, check } = await connect(told);
      answer = head(limit - 2_000);
      assert.equal((await ask(session, '/x')).text, 'ok');
      for (const bytes of [limit - 100, limit, 2 * limit, 300_000, longest]) {
        answer = head(bytes);
        const { status, json } = await ask(session, '/x');
        assert.equal(status, 502, String(bytes));
        assert.match((json as { message: string }).message, tooLarge);
      }
      await check();
      assert.match(await overHttp1({ target: '/x' }), /^HTTP\/1\.1 200 [\s\S]*ok$/);
    });
  }

  for (const [what, lines] of [
    ['one line', `x: ${'y'.repeat(64 * 1024 + 1)}\r\n`],
    ['lines that HTTP/2 has in one', `x: ${'y'.repeat(33_000)}\r\nX: ${'z'.repeat(33_000)}\r\n`],
  ] as const) {
    it(`is a 502 for its stream alone, too, if one field is too large: ${what}`, async () => {
      const { session, check } = await connect();
      answer = `HTTP/1.1 200 OK\r\n${lines}Content-Length: 0\r\n\r\n`;
      assert.equal((await ask(session, '/x')).status, 502);
      answer = `HTTP/1.1 200 OK\r\nx: ${'~'.repeat(64 * 1024)}\r\nContent-Length: 0\r\n\r\n`;
      assert.equal((await ask(session, '/x')).status, 200);
      answer = `${chunked}\r\n0\r\n${lines}\r\n`;
      assert.notEqual((await ask(session, '/x')).rstCode, 0);
      await check();
    });
  }

  it("is cut to its status if it is the proxy's own", async () => {
    const { session } = await connect(100);
    for (const path of ['/-/livez', '/x']) {
      const { status, headers, text } = await ask(session, path);
      assert.deepEqual(
        [status, Object.keys(headers)],
        path === '/x' ? [502, [':status']] : [200, [':status']],
      );
      assert.notEqual(text, '');
    }
  });
});

describe('trailers that are too many or too large', () => {
  const trailed = (trailers: string) => `${chunked}\r\n2\r\nok\r\n0\r\n${trailers}\r\n`;

  for (const [what, told, trailers] of [
    [`more than ${maxFields}`, undefined, fields(maxFields + 1)],
    ['more than clients with nghttp2 take', undefined, padding(128 * 1024)],
    ['more than the client takes', 50_000, padding(50_000)],
  ] as const) {
    it(`reset the stream of a client of HTTP/2 alone, after its body: ${what}`, encrypted, async () => {
      const { session, check } = await connect(told);
      answer = trailed(trailers);
      const received = await ask(session, '/x');
      assert.deepEqual([received.status, received.text, received.trailers], [200, 'ok', {}]);
      assert.notEqual(received.rstCode, 0);
      await check();
    });
  }

  for (const leg of Object.keys(legs) as Leg[]) {
    it(`cut an answer to a ${leg} request of HTTP/1.1`, async () => {
      answer = trailed(fields(maxFields));
      assert.equal((await overHttp1({ leg, target: '/x' })).match(/^x: y\r$/gm)?.length, maxFields);
      answer = trailed(fields(maxFields + 1));
      assert.match(await overHttp1({ leg, target: '/x' }), /\r\n\r\n2\r\nok\r\n$/);
    });
  }
});

/** Sends a request to a path, and returns the text that comes back. */
type Send = (path: string) => Promise<string>;

/** Milliseconds of the proxy's processor time until several requests, each beside one to /-/livez, are answered. */
async function cost(send: Send, answerNow: string): Promise<number> {
  const used = async () => {
    const found = readSamples(await send('/-/metrics')).find(
      ({ name }) => name === 'process_cpu_seconds_total',
    );
    return found?.value ?? assert.fail('no processor time');
  };
  answer = answerNow;
  const start = await used();
  for (let index = 0; index < 5; index++) {
    const [, alive] = await Promise.all([send('/x'), send('/-/livez')]);
    assert.match(alive, /ok$/);
  }
  return ((await used()) - start) * 1_000;
}

describe('the largest head costs /-/livez time in proportion to its length:', () => {
  const repeat = (bytes: number, ...lines: string[]) => lines.join('').repeat(bytes / lines.join('').length);
  const whole = (lines: string) => `HTTP/1.1 200 OK\r\n${lines}Content-Length: 0\r\n\r\n`;
  const heads: Readonly<Record<string, (bytes: number) => string>> = {
    'many X-Content-Type-Options': bytes =>
      whole(repeat(bytes, 'X-Content-Type-Option5: \r\n', 'X-Content-Type-Options: \r\n')),
    'many Trailer': bytes => whole(repeat(bytes, 'Trailer: x\r\n')),
    'many Set-Cookie': bytes => whole(repeat(bytes, 'Set-Cookie: a\r\n')),
    'many trailers': bytes => `${chunked}\r\n0\r\n${repeat(bytes, 'Set-Cookie: a\r\n')}\r\n`,
    'many informational answers': bytes =>
      repeat(bytes, 'HTTP/1.1 103 \r\nSet-Cookie: a\r\n\r\n') + whole(''),
    'the most fields, of long values': bytes =>
      whole(fields(999, `Set-Cookie: ${'a'.repeat(bytes / 1_020)}\r\n`)),
  };
  const ways: Readonly<Record<string, () => Promise<Send>>> = {
    'HTTP/1.1': async () => path =>
      exchangeRaw(plain.port, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
    'HTTP/2': async () => {
      const session = await connectHttp2(secure.port, files.authority.certificate);
      ends.push(() => session.destroy());
      return async path => (await ask(session, path)).text;
    },
  };

  // test/header-fields.test.ts has each function that reads fields. Over HTTP/1.1 two of the heads show that these are all.
  const ofHttp1 = hasTls ? ['many trailers', 'the most fields, of long values'] : Object.keys(heads);
  for (const [way, open] of Object.entries(ways).filter(([way]) => hasTls || way !== 'HTTP/2')) {
    for (const [what, headOf] of Object.entries(heads)) {
      if (way === 'HTTP/1.1' && !ofHttp1.includes(what)) continue;
      it(`${what}, over ${way}`, async () => {
        const send = await open();
        const costs: { short: number; long: number }[] = [];
        const best = (of: 'short' | 'long') => Math.min(...costs.map(each => each[of]));
        do {
          const short = await cost(send, headOf(longest / 4));
          costs.push({ short, long: await cost(send, headOf(longest)) });
          // Linear time is four times as long for four times the bytes, and quadratic time sixteen times.
        } while (best('long') > 8 * best('short') && costs.length < 5);
        assert.ok(best('long') <= 8 * best('short'), JSON.stringify(costs));
      });
    }
  }
});
