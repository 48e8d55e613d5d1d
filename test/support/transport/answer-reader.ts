import assert from 'node:assert/strict';
import { type ResponseEvents, ResponseParser } from '../../../src/transport/http1/response-parser.js';

/** The answers that a parser has read from the bytes of one connection, however they were split. */
export interface ReadAnswer {
  readonly status: number;
  readonly message: string;
  readonly headers: string[];
  readonly body: string;
  readonly isWhole: boolean;
}

/** The result of reading a connection's bytes to their end, or up to the first invalid byte. */
export interface Reading {
  readonly answers: ReadAnswer[];
  /** Code of the error that ended it. */
  readonly error: string | undefined;
  /** Whether the connection may carry another request after the last byte. */
  readonly persistent: boolean;
  /** Whether no answer was cut short when the connection ended. Undefined if it stayed open. */
  readonly whole: boolean | undefined;
}

/** How the bytes come, and which requests they answer. */
export interface ReadOptions {
  /** The methods of the requests, in order; by default one GET. */
  readonly methods?: readonly string[];
  /** Whether the connection ends after the bytes. */
  readonly ends?: boolean;
}

interface Growing {
  status: number;
  message: string;
  headers: string[];
  parts: Buffer[];
  isWhole: boolean;
}

/** Passes the pieces to one parser, and expects the next answer when one is complete. It also checks the order of the events. */
export function readAnswers(pieces: Iterable<Buffer>, options: ReadOptions = {}): Reading {
  const { methods = ['GET'], ends = false } = options;
  const parser = new ResponseParser();
  const answers: Growing[] = [];
  /** Copies of the slices, made when they arrived. */
  const slices: { readonly slice: Buffer; readonly copy: Buffer }[] = [];
  let asked = 0;
  let open: Growing | undefined;
  const events: ResponseEvents = {
    onHead(status, message, headers) {
      assert.equal(open, undefined, 'one head an answer');
      open = { status, message, headers, parts: [], isWhole: false };
      answers.push(open);
    },
    onSwitch() {
      assert.fail('no answer switches');
    },
    onBody(slice) {
      assert.ok(open !== undefined, 'a head before a body');
      assert.ok(slice.length > 0, 'a part of a body is never empty');
      slices.push({ slice, copy: Buffer.from(slice) });
      open.parts.push(slice);
    },
    onEnd() {
      assert.ok(open !== undefined, 'a head before an end');
      open.isWhole = true;
      open = undefined;
    },
  };
  const ask = (): void => {
    parser.expect(events, { withoutBody: methods[asked++] === 'HEAD' });
  };
  let error: string | undefined;
  let whole: boolean | undefined;
  try {
    ask();
    for (const piece of pieces) {
      parser.push(piece);
      if (answers.at(-1)?.isWhole && asked === answers.length && asked < methods.length) ask();
    }
    if (ends) whole = parser.close();
  } catch (thrown) {
    error = (thrown as { code?: string }).code ?? String(thrown);
  }
  for (const { slice, copy } of slices)
    assert.ok(slice.equals(copy), 'what was given is not written to again');
  return {
    answers: answers.map(({ status, message, headers, parts, isWhole }) => ({
      status,
      message,
      headers,
      body: Buffer.concat(parts).toString('latin1'),
      isWhole,
    })),
    error,
    persistent: parser.persistent,
    whole,
  };
}

/** A separate copy of every piece between the positions, which must be in order. */
export function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const place of [...places, bytes.length]) {
    if (place > from) pieces.push(Buffer.from(bytes.subarray(from, place)));
    from = Math.max(from, place);
  }
  return pieces;
}

/** Every way to split the bytes: at each single position, between all bytes, and not at all. */
export function* allCuts(bytes: Buffer): Generator<Buffer[]> {
  yield [Buffer.from(bytes)];
  for (let at = 1; at < bytes.length; at++) yield cut(bytes, [at]);
  yield cut(
    bytes,
    Array.from({ length: bytes.length }, (_, index) => index),
  );
}
