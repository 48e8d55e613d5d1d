import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { connectRaw } from '../../support/clients/raw-http.js';
import { cut, readAnswers } from '../../support/transport/answer-reader.js';
import { startRawStack } from '../../support/upstreams/raw-upstream.js';

/** Answers that come in one packet with their end, by target. */
const answers = new Map<string, string>();
const { proxy } = await startRawStack({ after }, ({ socket, target }) => {
  socket.write(answers.get(target) ?? 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext', 'latin1');
});

/** A complete chunked answer with these header lines. */
function chunked(chunks: readonly string[], trailers = '', head = ''): string {
  const body = chunks.map(chunk => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
  return `HTTP/1.1 200 OK\r\n${head}Transfer-Encoding: chunked\r\n\r\n${body}0\r\n${trailers}\r\n`;
}

const cases = {
  'a list in two chunks': { target: '/api/v1/pods', chunks: ['first', 'last'] },
  'a list in five chunks of 3 KB': {
    target: '/api/v1/pods?limit=5',
    chunks: Array.from({ length: 5 }, (_, index) => String(index).repeat(3000)),
  },
  'a list with a trailer': { target: '/api/v1/nodes', chunks: ['first', 'last'], trailers: ['X-Sum', '1'] },
  'a watch with events of 5 KB and of 9 KB': {
    target: '/api/v1/pods?watch=true',
    chunks: ['a'.repeat(5000), 'b'.repeat(9000), 'last'],
  },
};

for (const [name, answer] of Object.entries(cases)) {
  test(`${name} whose end comes in the same packet has its last chunk after its body`, async t => {
    const { target, chunks } = answer;
    const trailers = 'trailers' in answer ? answer.trailers : [];
    const [field, value] = trailers;
    answers.set(
      target,
      field === undefined
        ? chunked(chunks)
        : chunked(chunks, `${field}: ${value}\r\n`, `Trailer: ${field}\r\n`),
    );
    const client = await connectRaw(proxy.port);
    t.after(() => client.destroy());
    client.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    await client.until(/\r\n0\r\n/);
    client.write('GET /api/v1/services HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await client.until(/next/);
    const received = Buffer.from(client.received(), 'latin1');
    const pieces = cut(received, [received.lastIndexOf('HTTP/1.1')]);
    const reading = readAnswers(pieces, { methods: ['GET', 'GET'] });
    assert.equal(reading.error, undefined);
    assert.deepEqual(
      reading.answers.map(({ body, trailers: read }) => ({ body, trailers: read })),
      [
        { body: chunks.join(''), trailers },
        { body: 'next', trailers: [] },
      ],
    );
  });
}
