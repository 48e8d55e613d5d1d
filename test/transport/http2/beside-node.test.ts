import assert from 'node:assert/strict';
import http2, { type ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Http2Connection } from '../../../src/transport/http2/connection.js';
import { createRandom } from '../../support/random.js';
import { RecordedResponse, requestTo } from '../../support/transport/recorded-response.js';
import { type Frame, frame, frameTypes } from '../../support/upstreams/http2-frames.js';
import { differences, type Outcome } from './differences.js';
import { makeScript, type Script } from './generated-answers.js';

/** A whole answer. */
interface Answer {
  readonly status: string;
  /** Name, value, name, value, …; names in lower case. */
  readonly fields: readonly string[];
  /** One character per byte. */
  readonly body: string;
}

/** What a client has read from the frames of a server. */
interface Reading {
  /** The answer to each request; undefined if it was rejected, or is not whole. */
  readonly answers: readonly (Answer | undefined)[];
  /** Whether the client ended the connection before the server did. After a GOAWAY that says nothing, because each answer may be the last. */
  readonly isRefused: boolean;
}

type SentFrames = Pick<Script, 'requests' | 'frames'>;

/** A client's connection: what the server sends comes from the test, and what the client sends is dropped. */
class Wire extends Duplex {
  readonly alpnProtocol = 'h2';

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done();
  }

  /** Sends each frame in a turn of the event loop of its own, so that Node has passed on what it says before the next one. */
  async send(...frames: readonly Buffer[]): Promise<void> {
    for (const bytes of frames) {
      if (!this.destroyed) this.push(bytes);
      await turn();
    }
  }
}

const firstSettings = frame(frameTypes.settings, 0, 0);

async function readHere({ requests, frames }: SentFrames): Promise<Reading> {
  const wire = new Wire();
  let isRefused = false;
  const connection = new Http2Connection(
    callback => {
      callback(null, wire as unknown as Socket);
      return wire;
    },
    {
      settled: () => {},
      ended: () => {
        isRefused = true;
      },
    },
  );
  await wire.send(firstSettings);
  const responses = Array.from({ length: requests }, (_, index) => {
    const response = new RecordedResponse();
    connection.open()?.send(requestTo(`/${index}`), response);
    return response;
  });
  await wire.send(...frames);
  const reading = { answers: responses.map(answerOf), isRefused };
  connection.destroy();
  return reading;
}

function answerOf({ status, headers, text, whole }: RecordedResponse): Answer | undefined {
  if (!whole) return undefined;
  const lower = (name: string, index: number) => (index % 2 === 0 ? name.toLowerCase() : name);
  return { status: String(status), fields: headers.map(lower), body: text };
}

async function readWithNode({ requests, frames }: SentFrames): Promise<Reading> {
  const wire = new Wire();
  const session = http2.connect('https://api', {
    createConnection: () => wire,
    settings: {
      headerTableSize: 0,
      enablePush: false,
      initialWindowSize: 256 * 1024,
      maxHeaderListSize: 1 << 20,
    },
  });
  session.on('error', () => {});
  const answers = Array.from({ length: requests }, (_, index) =>
    nodeAnswer(session.request({ ':path': `/${index}` }, { endStream: true })),
  );
  await turn();
  await wire.send(firstSettings, ...frames);
  // It ends a connection in a later turn.
  for (let count = 0; count < 3; count += 1) await turn();
  const isRefused = session.closed || session.destroyed;
  session.destroy(new Error('the server has sent everything'));
  return { answers: await Promise.all(answers), isRefused };
}

function nodeAnswer(stream: ClientHttp2Stream): Promise<Answer | undefined> {
  let response: string[] | undefined;
  stream.on('response', (_headers: unknown, _flags: number, raw?: string[]) => {
    response = raw;
  });
  let body = '';
  let isWhole = false;
  stream.on('data', (chunk: Buffer) => {
    body += chunk.toString('latin1');
  });
  stream.on('end', () => {
    isWhole = true;
  });
  stream.on('error', () => {
    isWhole = false;
  });
  return new Promise(resolve => {
    stream.on('close', () => {
      if (!isWhole || response === undefined || stream.rstCode !== 0) resolve(undefined);
      else resolve({ status: response[1] as string, fields: response.slice(2), body });
    });
  });
}

/** The frames in these bytes; undefined if they end inside a frame, or a frame is larger than allowed. */
function framesIn(sent: readonly Buffer[]): Frame[] | undefined {
  const bytes = Buffer.concat(sent);
  const frames: Frame[] = [];
  let at = 0;
  while (at + 9 <= bytes.length) {
    const payload = bytes.subarray(at + 9, at + 9 + bytes.readUIntBE(at, 3));
    const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    frames.push({ type: bytes.readUInt8(at + 3), flags: bytes.readUInt8(at + 4), stream, payload });
    at += 9 + bytes.readUIntBE(at, 3);
  }
  return at === bytes.length ? frames : undefined;
}

/** How many connections are compared. */
const comparisons = Number(process.env['COMPARISONS'] ?? 600);
const seeds = [1, 7_540, 9_113, 20_261];
const atOnce = 50;

interface Comparable extends Script {
  readonly goesAway: boolean;
}

async function compare(script: Comparable): Promise<Reading> {
  const [ours, theirs] = await Promise.all([readHere(script), readWithNode(script)]);
  const what = `${script.faults.join(', ')}\n${script.frames.map(each => each.toString('hex')).join('\n')}`;
  if (script.goesAway) assert.deepEqual(ours.answers, theirs.answers, what);
  else assert.deepEqual(ours, theirs, what);
  if (script.faults.length === 0) assert.ok(!ours.answers.includes(undefined), what);
  return ours;
}

describe('generated answers over HTTP/2, with and without faults', () => {
  for (const seed of seeds) {
    it(`are read or rejected as node:http2 does (seed ${seed})`, async () => {
      const random = createRandom(seed);
      const counts = { whole: 0, missing: 0, refused: 0 };
      let different = 0;
      const total = comparisons / seeds.length;
      for (let left = total; left > 0; left -= atOnce) {
        const scripts: Comparable[] = [];
        while (scripts.length < atOnce) {
          const script = makeScript(random);
          const frames = framesIn(script.frames);
          if (frames !== undefined && !differences.some(({ isIn }) => isIn(frames)))
            scripts.push({ ...script, goesAway: frames.some(({ type }) => type === frameTypes.goaway) });
          else different += 1;
        }
        const readings = await Promise.all(scripts.map(compare));
        for (const reading of readings) counts[outcomeOf(reading)] += 1;
      }
      const { whole, missing, refused } = counts;
      const text = JSON.stringify({ ...counts, different });
      assert.ok(
        whole > total / 2 && missing > total / 50 && refused > total / 50 && different < total / 2,
        text,
      );
    });
  }
});

function outcomeOf({ answers: [first], isRefused }: Reading): Outcome {
  if (first !== undefined) return 'whole';
  return isRefused ? 'refused' : 'missing';
}

describe('the HTTP/2 client, unlike node:http2,', () => {
  for (const {
    name,
    example,
    reads: [here, withNode],
    isIn,
  } of differences) {
    it(name, async () => {
      const script = { requests: 2, frames: example };
      assert.ok(isIn(framesIn(example) ?? []));
      const [ours, theirs] = await Promise.all([readHere(script), readWithNode(script)]);
      assert.deepEqual([outcomeOf(ours), outcomeOf(theirs)], [here, withNode ?? outcomeOf(theirs)]);
    });
  }
});
