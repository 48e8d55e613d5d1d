import { fieldValue, type RawHeaders } from '../http/header-fields.js';
import { type FrameReader, Lines, protobufEvents } from '../lib/frames.js';
import { type BorrowedBytes, lastingBytes } from '../transport/borrowed-bytes.js';
import type { BodySink } from '../transport/round-trip.js';
import type { EventFormat } from './farewell.js';

/** The frames of an answer, between two of which it may be ended: the events of a watch, the lines of a log. */
export class AnswerFrames {
  readonly #reader: FrameReader;
  /** Of the events of a watch. */
  readonly format: EventFormat;
  #callback: (() => void) | undefined;

  private constructor(format: EventFormat) {
    this.#reader = format === 'json' ? new Lines() : protobufEvents();
    this.format = format;
  }

  /**
   * The frames of an answer with these header fields. Undefined if nothing in its bytes says where they end, because they are compressed or in
   * a binary format.
   */
  static of(rawHeaders: RawHeaders, isWatch: boolean): AnswerFrames | undefined {
    const format = formatOf(rawHeaders, isWatch);
    return format && new AnswerFrames(format);
  }

  /** Calls back as soon as all frames that have begun are whole: now, or within `endIn`. */
  whenBetween(callback: () => void): void {
    if (this.#reader.isBetween) callback();
    else this.#callback = callback;
  }

  /**
   * Reads bytes of the answer. Calls back if the last frame that has begun ends in them, after the sink has got that frame. Returns whether it
   * has called back; otherwise the sink gets the bytes from the caller.
   */
  endIn(chunk: BorrowedBytes, sink: BodySink): boolean {
    const callback = this.#callback;
    if (callback === undefined) {
      this.#reader.read(chunk.view());
      return false;
    }
    const rest = this.#reader.readFrame(chunk.view());
    if (rest === undefined) return false;
    this.#callback = undefined;
    sink.data(lastingBytes(Buffer.from(chunk.view().subarray(0, rest))));
    sink.idle();
    callback();
    return true;
  }
}

/** A log has lines, as a watch in JSON has. */
function formatOf(rawHeaders: RawHeaders, isWatch: boolean): EventFormat | undefined {
  const encoding = fieldValue(rawHeaders, 'content-encoding') ?? 'identity';
  if (encoding !== 'identity') return undefined;
  if (!isWatch) return 'json';
  const type = fieldValue(rawHeaders, 'content-type') ?? '';
  if (/^application\/json\b/i.test(type)) return 'json';
  return /^application\/vnd\.kubernetes\.protobuf\b/i.test(type) ? 'protobuf' : undefined;
}
