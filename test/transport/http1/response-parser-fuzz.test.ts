import assert from 'node:assert/strict';
import http from 'node:http';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { cut, type ReadAnswer, readAnswers } from '../../support/answer-reader.js';
import { createRandom, type Random } from '../../support/random.js';

function some<T>(random: Random, most: number, make: () => T): T[] {
  return Array.from({ length: random.below(most + 1) }, make);
}

const statuses = ['200 OK', '200', '404 Not Found', '503 \xe9', '204 No Content', '304 Not Modified'];
const names = [
  'Content-Type',
  'audit-id',
  'X-A',
  'Date',
  'x',
  'Connection',
  'Trailer',
  'Warning',
  'Set-Cookie',
];
const values = ['application/json', '', 'close', 'keep-alive', 'a: b', ' x\t', '\xff\x80', 'X-A', '0', '"q"'];
const extensions = ['', '', ';a', ';a=b', ';a="b c"', ';a=b;c'];
/** What stands for itself somewhere in an answer, and elsewhere upsets it. */
const troublesome = [
  ...[
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    '\n\n',
    '\0',
    ' ',
    '\t',
    ':',
    ';',
    ',',
    '+',
    '-',
    '0',
    '1',
    'f',
    'x',
    '"',
    '=',
  ],
  ...['\x7f', '\x80', '\xff', '\\', '0x', 'Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', '\r\n '],
  ...[
    'Transfer-Encoding: gzip\r\n',
    'Connection: close\r\n',
    'HTTP/1.1 200 OK\r\n',
    '0\r\n\r\n',
    ', chunked',
  ],
];

function makeFields(random: Random, most: number): string[] {
  return some(random, most, () => `${random.pick(names)}: ${random.pick(values)}`);
}

function makeText(random: Random): string {
  return some(random, 12, () => random.pick(['a', '{}', '\r\n', '\0', '0', '\xff'])).join('');
}

/** An answer as servers send them. */
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

/** The answer with a few bytes of it put in, taken out, changed, doubled or cut off. */
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

/** One connection's other end: gives its bytes when it has been asked, and then ends. */
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

/** What Node's own client makes of the bytes: one answer, whole or not, or undefined when it refuses it. */
function readWithNode(method: string, bytes: Buffer): Promise<ReadAnswer | undefined> {
  return new Promise(resolve => {
    const request = http.request({ method, createConnection: () => new Answering(bytes) });
    request.once('error', () => resolve(undefined));
    // 101 is a switch of protocols to it, which nobody here has asked for.
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
          trailers: response.complete ? response.rawTrailers : undefined,
        });
      });
    });
    request.end();
  });
}

/**
 * What Node's client has wrong: a tab behind the value of a framing field is not part of it (RFC 9112, section 5), and what
 * an informational answer says of the connection is not about the final one.
 */
const misread =
  /(?:Content-Length|Transfer-Encoding):[^\r]*\t\r\n|^HTTP\/1.. 1.*\r\nConnection:[^\r]*close.*\r\n\r\nHTTP/is;

/** Without what stands behind the first answer, for which Node's client refuses the answer as well. */
function withoutRest(bytes: Buffer, method: string): Buffer {
  let length = bytes.length;
  while (readAnswers([bytes.subarray(0, length)], { methods: [method] }).error !== undefined) length--;
  return bytes.subarray(0, length);
}

/** More of them with `npm run endurance`. */
const rounds = process.env['ENDURANCE'] === undefined ? 2_000 : 50_000;

describe('answers that are made up, and then spoilt', () => {
  for (const seed of [1, 20_260, 4_711]) {
    it(`are read as Node's own client reads them, or refused, and the same in any pieces (seed ${seed})`, async () => {
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

        const ours = reading.answers[0]?.trailers === undefined ? undefined : reading.answers[0];
        const theirs = await readWithNode(method, ours === undefined ? bytes : withoutRest(bytes, method));
        if (text === sound) assert.notEqual(ours, undefined, what);
        if (ours === undefined) counts[theirs?.trailers === undefined ? 'refused' : 'stricter']++;
        else {
          if (!misread.test(text)) assert.deepEqual(ours, theirs, what);
          counts.same++;
        }
      }
      assert.ok(counts.same > rounds / 5 && counts.refused > rounds / 5, JSON.stringify(counts));
    });
  }
});
