import assert from 'node:assert/strict';
import http from 'node:http';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { createRandom, type Random } from '../../support/random.js';
import { cut, type ReadAnswer, readAnswers } from '../../support/transport/answer-reader.js';

function some<T>(random: Random, most: number, make: () => T): T[] {
  return Array.from({ length: random.below(most + 1) }, make);
}

const statuses = ['200 OK', '200', '404 Not Found', '503 \xe9', '204 No Content', '304 Not Modified'];
const names = [
  ...['Content-Type', 'audit-id', 'X-A', 'Date', 'x', 'Connection', 'Trailer'],
  ...['Warning', 'Set-Cookie'],
];
const values = ['application/json', '', 'close', 'keep-alive', 'a: b', ' x\t', '\xff\x80', 'X-A', '0', '"q"'];
const extensions = ['', '', ';a', ';a=b', ';a="b c"', ';a=b;c'];
/** Texts that are valid in one part of an answer, and faults in other parts. */
const troublesome = [
  ...['\r', '\n', '\r\n', '\r\n\r\n', '\n\n', '\0', ' ', '\t', ':', ';', ',', '+', '-', '0', '1', 'f', 'x'],
  ...['"', '='],
  ...['\x7f', '\x80', '\xff', '\\', '0x', 'Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', '\r\n '],
  ...['Transfer-Encoding: gzip\r\n', 'Connection: close\r\n', 'HTTP/1.1 200 OK\r\n', '0\r\n\r\n'],
  ...[', chunked'],
];

function makeFields(random: Random, most: number): string[] {
  return some(random, most, () => `${random.pick(names)}: ${random.pick(values)}`);
}

function makeText(random: Random): string {
  return some(random, 12, () => random.pick(['a', '{}', '\r\n', '\0', '0', '\xff'])).join('');
}

/** A random valid answer. */
function makeAnswer(random: Random): string {
  const informational = random.below(6) === 0 ? 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n' : '';
  const framing = random.below(8);
  const minor = framing >= 4 && random.below(6) === 0 ? 0 : 1;
  const status = `HTTP/1.${minor} ${random.pick(statuses)}`;
  const fields = makeFields(random, 3);
  let body = '';
  if (framing < 4) {
    const chunks = some(random, 3, () => makeText(random)).filter(text => text !== '');
    body = chunks
      .map(text => `${text.length.toString(16)}${random.pick(extensions)}\r\n${text}\r\n`)
      .join('');
    const trailers = makeFields(random, random.below(3)).filter(field => !field.startsWith('Trailer'));
    body += `0${random.pick(extensions)}\r\n${trailers.map(field => `${field}\r\n`).join('')}\r\n`;
    fields.push('Transfer-Encoding: chunked');
  } else if (framing < 7) {
    body = makeText(random);
    fields.push(`Content-Length: ${body.length}`);
  } else body = makeText(random);
  const last = fields.pop();
  if (last !== undefined) fields.splice(random.below(fields.length + 1), 0, last);
  return `${informational}${[status, ...fields, '', body].join('\r\n')}`;
}

/** The answer after a few random faults: bytes inserted, deleted, changed, repeated or cut off. */
function spoil(random: Random, text: string): string {
  let spoilt = text;
  for (let count = random.below(3); count >= 0; count--) {
    const at = random.below(spoilt.length + 1);
    const to = Math.min(at + 1 + random.below(3), spoilt.length);
    const [before, between, behind] = [spoilt.slice(0, at), spoilt.slice(at, to), spoilt.slice(to)];
    const change = random.below(6);
    if (change === 0) spoilt = before + behind;
    else if (change === 1) spoilt = before + between + between + behind;
    else if (change === 2) spoilt = before + random.pick(troublesome) + behind;
    else if (change === 3 && random.below(4) === 0) spoilt = before;
    else spoilt = before + random.pick(troublesome) + between + behind;
  }
  return spoilt;
}

/** The server's end of one connection: sends its bytes after a request, and then ends. */
class Answering extends Duplex {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    super();
    this.#bytes = bytes;
  }

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, callback: () => void): void {
    callback();
    this.push(this.#bytes);
    this.push(null);
  }
}

/** The answer that Node's own client reads from the bytes, whole or not; undefined if it rejects them. */
function readWithNode(method: string, bytes: Buffer): Promise<ReadAnswer | undefined> {
  return new Promise(resolve => {
    const request = http.request({ method, createConnection: () => new Answering(bytes) });
    request.once('error', () => resolve(undefined));
    // Node's client treats 101 as an upgrade, which was not requested here.
    request.once('upgrade', () => resolve(undefined));
    request.once('response', response => {
      const parts: Buffer[] = [];
      response.on('data', part => parts.push(part));
      response.on('error', () => {});
      response.once('close', () => {
        resolve({
          status: response.statusCode ?? 0,
          message: response.statusMessage ?? '',
          headers: response.rawHeaders,
          body: Buffer.concat(parts).toString('latin1'),
          isWhole: response.complete,
        });
      });
    });
    request.end();
  });
}

/**
 * Two errors of Node's client: a tab after the value of a framing field is not part of the value (RFC 9112, section 5), and the Connection
 * field of an informational answer does not apply to the final answer.
 */
const misread =
  /(?:Content-Length|Transfer-Encoding):[^\r]*\t\r\n|^HTTP\/1.. 1.*\r\nConnection:[^\r]*close.*\r\n\r\nHTTP/is;

/** Removes the bytes after the first answer, because Node's client would reject the answer for them. */
function withoutRest(bytes: Buffer, method: string): Buffer {
  let length = bytes.length;
  while (readAnswers([bytes.subarray(0, length)], { methods: [method] }).error !== undefined) length--;
  return bytes.subarray(0, length);
}

/** `npm run endurance` sets a higher number. */
const rounds = process.env['ENDURANCE'] === undefined ? 400 : 50_000;

describe('generated answers with random faults', () => {
  for (const seed of [1, 20_260, 4_711]) {
    it(`are read as Node's own client reads them, or rejected, with the same result in any pieces (seed ${seed})`, async () => {
      const random = createRandom(seed);
      const counts = { same: 0, refused: 0, stricter: 0 };
      for (let round = 0; round < rounds; round++) {
        const method = random.below(8) === 0 ? 'HEAD' : 'GET';
        const sound = makeAnswer(random);
        const text = random.below(4) === 0 ? sound : spoil(random, sound);
        const what = `${method}, ${JSON.stringify(text)}`;
        const bytes = Buffer.from(text, 'latin1');
        const options = { methods: [method], ends: true };
        const reading = readAnswers([bytes], options);
        const places = some(random, 6, () => random.below(bytes.length + 1)).sort(
          (one, other) => one - other,
        );
        assert.deepEqual(readAnswers(cut(bytes, places), options), reading, `${what}, cut at ${places}`);

        const ours = reading.answers[0]?.isWhole ? reading.answers[0] : undefined;
        const theirs = await readWithNode(method, ours === undefined ? bytes : withoutRest(bytes, method));
        if (text === sound) assert.notEqual(ours, undefined, what);
        if (ours === undefined) counts[theirs?.isWhole ? 'stricter' : 'refused']++;
        else {
          if (!misread.test(text)) assert.deepEqual(ours, theirs, what);
          counts.same++;
        }
      }
      assert.ok(counts.same > rounds / 5 && counts.refused > rounds / 5, JSON.stringify(counts));
    });
  }
});
