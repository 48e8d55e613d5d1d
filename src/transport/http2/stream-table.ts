import { malformed } from './response-head.js';
import type { Http2Stream } from './stream.js';

/** Streams at a time before the API server has said how many, and at most: the usual limit of net/http, nghttp2 and API servers. */
const assumedStreams = 100;
const mostStreams = 250;
const lastStreamId = 0x7fffffff;

/** The open streams of a connection by their ids, and the places that are kept for streams that are not sent yet. */
export class StreamTable {
  readonly #open = new Map<number, Http2Stream>();
  #places = 0;
  #nextId = 1;
  #limit = assumedStreams;

  /** Whether no stream has begun. */
  get isFresh(): boolean {
    return this.#nextId === 1;
  }

  get isEmpty(): boolean {
    return this.#open.size === 0 && this.#places === 0;
  }

  /** Whether there is a place for one more stream. */
  get hasRoom(): boolean {
    return this.#hasIds && this.#open.size + this.#places < this.#limit;
  }

  /** Whether all streams that have a place may be open at the same time. */
  get isWithinLimit(): boolean {
    return this.#hasIds && this.#open.size + this.#places <= this.#limit;
  }

  get #hasIds(): boolean {
    return this.#nextId < lastStreamId;
  }

  /** The API server's SETTINGS_MAX_CONCURRENT_STREAMS. Returns how many streams may be open at a time from now on. */
  setLimit(maxConcurrentStreams: number): number {
    this.#limit = Math.min(maxConcurrentStreams, mostStreams);
    return this.#limit;
  }

  keepPlace(): void {
    this.#places += 1;
  }

  returnPlace(): void {
    this.#places -= 1;
  }

  /** Gives a stream that has a place its id. */
  begin(stream: Http2Stream): void {
    this.#places -= 1;
    stream.id = this.#nextId;
    this.#nextId += 2;
    this.#open.set(stream.id, stream);
  }

  /** Takes a stream that is over, or its place if it was not sent. To be called once for each. */
  remove(stream: Http2Stream): void {
    if (stream.id !== 0) this.#open.delete(stream.id);
    else {
      this.#places -= 1;
      stream.id = -1;
    }
  }

  /** The open stream with this id; undefined for one that is over. Throws an Http2Error for one that has never begun. */
  find(id: number): Http2Stream | undefined {
    if (id === 0 || id % 2 === 0 || id >= this.#nextId) throw malformed('the stream of a frame');
    return this.#open.get(id);
  }

  /** The open streams behind an id; it may be called while they end. */
  behind(id: number): Http2Stream[] {
    return [...this.#open.values()].filter(stream => stream.id > id);
  }
}
