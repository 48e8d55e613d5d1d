import assert from 'node:assert/strict';
import { type ResponseEvents, ResponseParser } from '../../src/transport/http1/response-parser.js';

/** What a parser made of the answers on one connection, whatever pieces their bytes came in. */
export interface ReadAnswer {
  readonly status: number;
  readonly message: string;
  readonly headers: string[];
  readonly body: string;
  /** Undefined while the answer is not whole. */
  readonly trailers: string[] | undefined;
}

/** How a connection's bytes were read to their end, or up to the first that could not be. */
export interface Reading {
  readonly answers: ReadAnswer[];
  /** Code of the error that ended it. */
  readonly error: string | undefined;
  /** Whether the connection may carry another request after the last of the bytes. */
  readonly persistent: boolean;
  /** What the end of the connection left: true when nothing was cut short. Undefined when it stayed open. */
  readonly whole: boolean | undefined;
}

/** How the bytes come, and what they answer. */
export interface ReadOptions {
  /** Methods of the requests, one after the other; by default one GET. */
  readonly methods?: readonly string[];
  /** Whether the connection ends behind the bytes. */
  readonly ends?: boolean;
}

interface Growing {
  status: number;
  message: string;
  headers: string[];
  parts: Buffer[];
  trailers: string[] | undefined;
}

/** Gives pieces to one parser, and asks for the next answer when one is whole; also checks the order of the events. */
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
      open = { status, message, headers, parts: [], trailers: undefined };
      answers.push(open);
    },
    onBody(slice) {
      assert.ok(open !== undefined, 'a head before a body');
      assert.ok(slice.length > 0, 'a part of a body is never empty');
      slices.push({ slice, copy: Buffer.from(slice) });
      open.parts.push(slice);
    },
    onEnd(trailers) {
      assert.ok(open !== undefined, 'a head before an end');
      open.trailers = trailers;
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
      if (answers.at(-1)?.trailers !== undefined && asked === answers.length && asked < methods.length) ask();
    }
    if (ends) whole = parser.close();
  } catch (thrown) {
    error = (thrown as { code?: string }).code ?? String(thrown);
  }
  for (const { slice, copy } of slices)
    assert.ok(slice.equals(copy), 'what was given is not written to again');
  return {
    answers: answers.map(({ status, message, headers, parts, trailers }) => ({
      status,
      message,
      headers,
      body: Buffer.concat(parts).toString('latin1'),
      trailers,
    })),
    error,
    persistent: parser.persistent,
    whole,
  };
}

/** A copy of its own of every piece between the places; the places are in order. */
export function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const place of [...places, bytes.length]) {
    if (place > from) pieces.push(Buffer.from(bytes.subarray(from, place)));
    from = Math.max(from, place);
  }
  return pieces;
}

/** Cut at every single place, then between all bytes, and not at all. */
export function* allCuts(bytes: Buffer): Generator<Buffer[]> {
  yield [Buffer.from(bytes)];
  for (let at = 1; at < bytes.length; at++) yield cut(bytes, [at]);
  yield cut(
    bytes,
    Array.from({ length: bytes.length }, (_, index) => index),
  );
}
