import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import type { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { open } from '../../support/clients/http-client.js';
import { connectHttp2, openStream } from '../../support/clients/http2-client.js';
import type { FakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import { startStack } from '../../support/proxy/stack.js';
import { createRandom, type Random } from '../../support/random.js';

/** Every word of eight bytes names its client and its position. */
function fill(id: number, size: number): Buffer {
  const words = new Uint32Array(2 * Math.ceil(size / 8));
  for (let index = 0; index < words.length; index += 2) {
    words[index] = id;
    words[index + 1] = index * 4;
  }
  return Buffer.from(words.buffer, 0, size);
}

/** Answers `/fill?id=…&size=…&chunked=…` in pieces of many sizes. */
function answerFills(server: FakeApiServer): void {
  const random = createRandom(5);
  server.intercept((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
    if (pathname !== '/fill') return false;
    const body = fill(Number(searchParams.get('id')), Number(searchParams.get('size')));
    if (searchParams.get('chunked') === 'false') response.setHeader('Content-Length', body.length);
    response.flushHeaders();
    void (async () => {
      for (let at = 0; at < body.length; ) {
        const end = Math.min(
          body.length,
          at + 1 + random.below(random.pick([10, 5_000, 100_000, 1_000_000])),
        );
        response.write(body.subarray(at, end));
        at = end;
        if (random.chance(0.2)) await sleep(1);
      }
      response.end();
    })();
    return true;
  });
}

/** Starts late and reads with pauses, so that the bytes fill every buffer on the way. */
async function readSlowly(random: Random, stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  await sleep(random.below(100));
  for await (const part of stream as AsyncIterable<Buffer>) {
    parts.push(part);
    if (random.chance(0.2)) await sleep(random.below(8));
  }
  return Buffer.concat(parts);
}

/** Runs clients at the same time, each with several answers in sequence, over few upstream connections. */
async function assertEachItsOwn(
  ask: (path: string) => Promise<Readable>,
  { seed, sizes }: { readonly seed: number; readonly sizes: readonly number[] },
): Promise<void> {
  const client = async (number: number): Promise<void> => {
    const random = createRandom(seed + number);
    for (let round = 0; round < 6; round++) {
      const id = number * 1_000 + round;
      const size = random.below(random.pick(sizes));
      const chunked = random.chance(0.5);
      const answer = await readSlowly(random, await ask(`/fill?id=${id}&size=${size}&chunked=${chunked}`));
      assert.ok(answer.equals(fill(id, size)), `${size} bytes of ${id}, chunked ${chunked}`);
    }
  };
  await Promise.all(Array.from({ length: 12 }, (_, number) => client(number + 1)));
}

describe('answers to slow clients at the same time', () => {
  it('each get their own bytes and no others', async t => {
    const { server, port } = await startStack(t);
    answerFills(server);
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    await assertEachItsOwn(path => open(port, path, { agent }), {
      seed: 100,
      // The kernel's buffers for loopback alone hold some megabytes.
      sizes: [100, 40_000, 600_000, 16_000_000],
    });
  });

  it('each get their own bytes over HTTP/2, and over TLS', encrypted, async t => {
    const { server, port, ca } = await startStack(t, { tls: true });
    answerFills(server);
    const session = await connectHttp2(port, ca);
    t.after(() => session.destroy());
    await assertEachItsOwn(async path => openStream(session, path), {
      seed: 200,
      sizes: [100, 5_000, 40_000, 600_000],
    });
  });
});
