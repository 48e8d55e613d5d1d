import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { legs, send } from '../../../e2e/leg.js';
import { connectRaw } from '../../../support/clients/raw-http.js';
import { startInside } from '../../../support/proxy/guarded-run.js';
import { startStrictUpstream } from '../../../support/upstreams/strict-upstream.js';

const upstream = await startStrictUpstream((_request, socket) => {
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
});
after(() => upstream.stop());
const flags = [`--kubeconfig=${(await upstream.writeKubeconfig()).path}`, '--quiet'];
/** How many random paths are tried; GUESSES selects another number. */
const guesses = Number(process.env['GUESSES'] ?? 2000);
/** How many requests are written before their answers are read. */
const atOnce = 200;

/** Paths that have more and more of the secret, or all of it in another spelling. */
function near(base: string): readonly string[] {
  const secret = base.slice(1);
  const other = (character: string) => (character === '0' ? '1' : '0');
  return [
    ...Array.from(secret, (_, length) => `/${secret.slice(0, length)}`),
    ...Array.from(
      secret,
      (character, at) => `/${secret.slice(0, at)}${other(character)}${secret.slice(at + 1)}`,
    ),
    ...[
      `/${secret}0`,
      `//${secret}`,
      `/./${secret}`,
      `/x/..${base}`,
      `/%${secret.charCodeAt(0).toString(16)}`,
    ],
    ...[`/${secret.toUpperCase()}`, `/${secret}%2f`, `/${secret}\\`, `/${secret};`],
  ].filter(path => path !== base);
}

test('whoever scans ports and guesses paths gets one and the same 404, and learns nothing of what is near', async t => {
  const { port, base } = await startInside(t, flags);
  const asked = upstream.requests.length;
  const random = Array.from({ length: guesses }, () => `/${randomBytes(16).toString('hex')}`);
  const paths = [...near(base), ...random];
  const answers = new Map<string, number>();
  for (let from = 0; from < paths.length; from += atOnce) {
    const some = paths.slice(from, from + atOnce);
    const connection = await connectRaw(port);
    const lines = some.map((path, index) => {
      const end = index === some.length - 1 ? 'Connection: close\r\n' : '';
      return `GET ${path}/version HTTP/1.1\r\nHost: 127.0.0.1\r\n${end}\r\n`;
    });
    connection.write(lines.join(''));
    const received = (await connection.untilClosed()).split(/(?=HTTP\/1\.1 )/);
    assert.equal(received.length, some.length);
    for (const answer of received) {
      const same = answer.replace(/^(?:Date|Connection|Keep-Alive): .*\r\n/gim, '');
      answers.set(same, (answers.get(same) ?? 0) + 1);
    }
  }
  const [[answer, count] = ['', 0], ...others] = answers;
  assert.deepEqual(others, []);
  assert.equal(count, paths.length);
  assert.match(answer, /^HTTP\/1\.1 404 /);
  assert.equal(upstream.requests.length, asked);
  assert.equal((await send(port, { target: `${base}/version` })).code, 200);
});

test('a page that has its own name point at this machine, and a page of another site, get nothing, even with the path', async t => {
  const { port, base } = await startInside(t, flags);
  const asked = upstream.requests.length;
  for (const leg of Object.keys(legs) as (keyof typeof legs)[]) {
    for (const [what, attack] of Object.entries({
      rebinding: { host: ['Host: rebound.example'] },
      'another site': { headers: ['Origin: https://evil.example', 'Sec-Fetch-Site: cross-site'] },
      'another port': { headers: [`Origin: http://127.0.0.1:${port + 1}`, 'Sec-Fetch-Site: same-site'] },
    })) {
      const outside = await send(port, { leg, target: '/version', ...attack });
      assert.equal(outside.code, 404, `${leg} ${what}`);
      const inside = await send(port, { leg, target: `${base}/api/v1/secrets`, method: 'POST', ...attack });
      assert.equal(inside.code, 403, `${leg} ${what}`);
    }
  }
  assert.equal(upstream.requests.length, asked);
});
