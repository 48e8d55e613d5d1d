import { firstStreamId, malformed } from './frames.js';
import type { Http2Stream } from './stream.js';

/**
 * The number of concurrent streams that is assumed before the API server sends its limit, and the most that are ever opened: the usual
 * limit of net/http, nghttp2 and API servers.
 */
const assumedStreams = 100;
const mostStreams = 250;
const lastStreamId = 0x7fffffff;

/** The open streams of a connection by their ids, and how many more are reserved: streams that are not sent yet. */
export class StreamTable {
  readonly #open = new Map<number, Http2Stream>();
  #reserved = 0;
  #nextId = firstStreamId;
  #limit = assumedStreams;

  get isEmpty(): boolean {
    return this.#open.size === 0 && this.#reserved === 0;
  }

  /** Whether one more stream can be reserved. */
  get hasRoom(): boolean {
    return this.#hasIds && this.#open.size + this.#reserved < this.#limit;
  }

  /** Whether all reserved streams may be open together with the others. */
  get isWithinLimit(): boolean {
    return this.#hasIds && this.#open.size + this.#reserved <= this.#limit;
  }

  get #hasIds(): boolean {
    return this.#nextId < lastStreamId;
  }

  /** Sets the API server's SETTINGS_MAX_CONCURRENT_STREAMS. Returns how many streams may be open concurrently from now on. */
  setLimit(maxConcurrentStreams: number): number {
    this.#limit = Math.min(maxConcurrentStreams, mostStreams);
    return this.#limit;
  }

  reserve(): void {
    this.#reserved += 1;
  }

  release(): void {
    this.#reserved -= 1;
  }

  /** Gives a reserved stream its id. */
  begin(stream: Http2Stream): void {
    this.#reserved -= 1;
    stream.id = this.#nextId;
    this.#nextId += 2;
    this.#open.set(stream.id, stream);
  }

  /** Removes a stream that is complete, or that was reserved and not sent. Must be called once for each stream. */
  remove(stream: Http2Stream): void {
    if (stream.id !== 0) this.#open.delete(stream.id);
    else {
      this.#reserved -= 1;
      stream.id = -1;
    }
  }

  /**
   * Returns the open stream with this id, or undefined if that stream is complete. Throws an Http2Error if no stream with this id has
   * begun.
   */
  find(id: number): Http2Stream | undefined {
    if (id % 2 === 0 || id >= this.#nextId) throw malformed('the stream of a frame');
    return this.#open.get(id);
  }

  /** Returns the open streams with a higher id. The result is a copy, so these streams may end during the loop. */
  behind(id: number): Http2Stream[] {
    return [...this.#open.values()].filter(stream => stream.id > id);
  }
}
