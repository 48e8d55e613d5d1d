import { hasField } from '../../http/header-fields.js';
import {
  illegal,
  lineBreak,
  malformed,
  parseFields,
  ResponseError,
  splitLines,
  token,
} from './header-lines.js';

/** What the parser reports, in this order. Chunks are parts of the buffers that `push` got. */
export interface ResponseEvents {
  /**
   * The head of the final response. Informational responses (1xx) are skipped.
   *
   * @param headers Name, value, name, value, … in order and as spelled on the wire, one character per byte.
   */
  onHead(statusCode: number, statusMessage: string, headers: string[]): void;
  /** The head of a 101, in the form of `onHead`. All further bytes are those of the other protocol, and come as a body without an end. */
  onSwitch(statusMessage: string, headers: string[]): void;
  /** A part of the body, without its framing; never empty. */
  onBody(chunk: Buffer): void;
  /** The response is complete. Trailers are dropped. */
  onEnd(): void;
}

/** The most bytes of a head, and of trailers: net/http's DefaultMaxHeaderBytes. */
const maxHeaderSize = 1 << 20;
/** The most bytes of the line with a chunk's size and extensions. */
const maxChunkLine = 16 * 1024;

const endOfHead = Buffer.from('\r\n\r\n');
const endOfLine = Buffer.from('\r\n');
const carriageReturn = 0x0d;
const lineFeed = 0x0a;

const protocol = 'HTTP/1.';
const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: (.*))?$/;
const digits = /^\d{1,15}$/;
/** A chunk size below 2^52, and chunk extensions (RFC 9112, section 7.1.1), which are ignored. */
const chunkLine = new RegExp(`^([0-9A-Fa-f]{1,13})(?:;${token}(?:=(?:${token}|"(?:[^"\\\\]|\\\\.)*"))?)*$`);
const closing = /(?:^|[\s,])close(?:$|[\s,])/i;
const nothing = Buffer.alloc(0);
/** What `indexOf` returns if the terminator has not come yet. */
const incomplete = -1;

/** The part of the response that the next byte belongs to. A `sized` body has a Content-Length; an `open` body ends with the connection. */
type State = 'idle' | 'head' | 'sized' | 'open' | 'chunk-line' | 'chunk' | 'chunk-end' | 'trailers';

/**
 * Parses the responses on one connection, one after another (RFC 9112). It is strict and rejects what net/http would not send. If it
 * guessed wrong where a response ends, one client would get what belongs to another.
 */
export class ResponseParser {
  #state: State = 'idle';
  #events: ResponseEvents | undefined;
  #withoutBody = false;
  #maySwitch = false;
  /** Whether the connection can carry another response after this one. */
  #isKept = false;
  /** Bytes of the body, or of the current chunk, that have not come yet. */
  #left = 0;
  /** Bytes of an incomplete element, such as a head: the first `#restLength` bytes of `#rest`. The rest of `#rest` is free. */
  #rest = nothing;
  #restLength = 0;
  /** Whether the last response is complete and the connection can carry another one. */
  persistent = false;

  /**
   * Begins a response: the next bytes belong to it. `withoutBody` is for the response to a HEAD request, `maySwitch` for one to a request
   * with an Upgrade.
   */
  expect(events: ResponseEvents, { withoutBody = false, maySwitch = false }): void {
    this.#events = events;
    this.#withoutBody = withoutBody;
    this.#maySwitch = maySwitch;
    this.#state = 'head';
    this.persistent = false;
  }

  /** Parses more bytes. Throws a ResponseError; the connection must not be used after that. */
  push(bytes: Buffer): void {
    const chunk = this.#restLength === 0 ? bytes : this.#joinRest(bytes);
    let at = 0;
    while (at < chunk.length) {
      const next = this.#read(chunk, at);
      if (next === incomplete) {
        this.#keepRest(chunk, at);
        return;
      }
      at = next;
    }
    this.#rest = nothing;
    this.#restLength = 0;
  }

  /** The server has ended the connection. Returns false if the response is incomplete. */
  close(): boolean {
    if (this.#state === 'open') this.#finish();
    return this.#state === 'idle';
  }

  /** Parses the element at `at`. Returns the index of the next element, or `incomplete` if its end has not come yet. */
  #read(chunk: Buffer, at: number): number {
    switch (this.#state) {
      case 'sized':
      case 'chunk':
        return this.#readBody(chunk, at);
      case 'head':
        return this.#readHead(chunk, at);
      case 'chunk-line':
        return this.#readChunkLine(chunk, at);
      case 'chunk-end':
        return this.#readChunkEnd(chunk, at);
      case 'trailers':
        return this.#skipTrailers(chunk, at);
      case 'open':
        this.#events?.onBody(at === 0 ? chunk : chunk.subarray(at));
        return chunk.length;
      case 'idle':
        this.persistent = false;
        throw malformed('an answer without a request');
    }
  }

  #readHead(chunk: Buffer, at: number): number {
    const end = this.#find(endOfHead, chunk, at, maxHeaderSize);
    if (end === incomplete) {
      // A server of another protocol may send a few bytes and then wait forever.
      const start = chunk.toString('latin1', at, at + protocol.length);
      if (!protocol.startsWith(start)) throw malformed('a status line');
      return incomplete;
    }
    const lines = splitLines(chunk.toString('latin1', at, end));
    const [, minor, code, message = ''] = statusLine.exec(lines[0] as string) ?? [];
    if (code === undefined) throw malformed('a status line');
    const statusCode = Number(code);
    const next = end + endOfHead.length;
    const headers = parseFields(lines, 1);
    if (statusCode === 101) {
      if (!this.#maySwitch) throw malformed('a 101 without an Upgrade request');
      if (!hasField(headers, 'upgrade')) throw malformed('a 101 without a protocol');
      this.#state = 'open';
      this.#events?.onSwitch(message, headers);
      return next;
    }
    if (statusCode < 200) return next;
    this.#frame(statusCode, headers, { isOld: minor === '0' });
    this.#events?.onHead(statusCode, message, headers);
    if (this.#state === 'idle') this.#finish();
    return next;
  }

  /** Finds out where the response will end (RFC 9112, section 6.3). */
  #frame(statusCode: number, headers: readonly string[], { isOld }: { readonly isOld: boolean }): void {
    let length: string | undefined;
    let isChunked = false;
    this.#isKept = !isOld;
    for (let index = 0; index < headers.length; index += 2) {
      const name = headers[index] as string;
      // Cheap filter: few other names are as long as one of these three.
      if (name.length !== 10 && name.length !== 14 && name.length !== 17) continue;
      const value = headers[index + 1] as string;
      switch (name.toLowerCase()) {
        case 'connection':
          if (closing.test(value)) this.#isKept = false;
          break;
        case 'content-length':
          if (length !== undefined || !digits.test(value)) throw malformed('a Content-Length');
          length = value;
          break;
        case 'transfer-encoding':
          if (isChunked || isOld || value.toLowerCase() !== 'chunked') throw malformed('a Transfer-Encoding');
          isChunked = true;
          break;
      }
    }
    if (isChunked && length !== undefined) throw malformed('a Content-Length beside a Transfer-Encoding');
    this.#left = Number(length ?? 0);
    if (this.#withoutBody || statusCode === 204 || statusCode === 304) this.#state = 'idle';
    else if (isChunked) this.#state = 'chunk-line';
    else if (length !== undefined) this.#state = this.#left === 0 ? 'idle' : 'sized';
    else {
      this.#state = 'open';
      this.#isKept = false;
    }
  }

  #readBody(chunk: Buffer, at: number): number {
    const end = Math.min(at + this.#left, chunk.length);
    this.#left -= end - at;
    this.#events?.onBody(end - at === chunk.length ? chunk : chunk.subarray(at, end));
    if (this.#left > 0) return end;
    if (this.#state === 'chunk') this.#state = 'chunk-end';
    else this.#finish();
    return end;
  }

  #readChunkLine(chunk: Buffer, at: number): number {
    const end = this.#find(endOfLine, chunk, at, maxChunkLine);
    if (end === incomplete) return incomplete;
    const line = chunk.toString('latin1', at, end);
    const size = chunkLine.exec(line)?.[1];
    if (size === undefined || illegal.test(line) || lineBreak.test(line))
      throw malformed('the size of a chunk');
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? 'trailers' : 'chunk';
    return end + endOfLine.length;
  }

  #readChunkEnd(chunk: Buffer, at: number): number {
    const next = lineEnd(chunk, at);
    if (next !== incomplete) this.#state = 'chunk-line';
    return next;
  }

  #skipTrailers(chunk: Buffer, at: number): number {
    // Without trailers, an empty line follows the last chunk immediately.
    if (chunk[at] === carriageReturn) {
      const next = lineEnd(chunk, at);
      if (next !== incomplete) this.#finish();
      return next;
    }
    const end = this.#find(endOfHead, chunk, at, maxHeaderSize);
    if (end === incomplete) return incomplete;
    parseFields(splitLines(chunk.toString('latin1', at, end)), 0);
    this.#finish();
    return end + endOfHead.length;
  }

  #finish(): void {
    const events = this.#events;
    this.#events = undefined;
    this.#state = 'idle';
    this.persistent = this.#isKept;
    events?.onEnd();
  }

  /**
   * Returns the index of the terminator of the element at `at`. Throws if the element is longer than `limit`, or if one of its lines ends
   * without CRLF.
   */
  #find(terminator: Buffer, chunk: Buffer, at: number, limit: number): number {
    // The bytes of the rest have been searched before, except the last ones, which may be the beginning of the terminator.
    const from = at === 0 ? Math.max(0, this.#restLength - terminator.length + 1) : at;
    const end = chunk.indexOf(terminator, from);
    // The last bytes may be the beginning of the terminator, so they do not count.
    const length = (end === incomplete ? chunk.length - terminator.length + 1 : end) - at;
    if (length > limit) {
      throw new ResponseError('RESPONSE_HEADERS_TOO_LARGE', 'the head of the answer is too large');
    }
    if (end === incomplete) refuseBareLineFeed(chunk, from);
    return end;
  }

  /** Joins the bytes of the rest and the new ones. Sinks may get parts of the result as a body, so these bytes are never overwritten. */
  #joinRest(bytes: Buffer): Buffer {
    const length = this.#restLength + bytes.length;
    if (length > this.#rest.length) {
      const larger = Buffer.allocUnsafeSlow(length * 2);
      this.#rest.copy(larger, 0, 0, this.#restLength);
      this.#rest = larger;
    }
    bytes.copy(this.#rest, this.#restLength);
    return this.#rest.subarray(0, length);
  }

  #keepRest(chunk: Buffer, at: number): void {
    this.#restLength = chunk.length - at;
    if (at === 0 && chunk.buffer === this.#rest.buffer) return;
    this.#rest = Buffer.allocUnsafeSlow(this.#restLength * 2);
    chunk.copy(this.#rest, 0, at);
  }
}

/** Returns the index after the CRLF that must be at `at`, or `incomplete` if it has not come yet. */
function lineEnd(chunk: Buffer, at: number): number {
  if (chunk[at] !== carriageReturn) throw malformed('the end of a line');
  if (at + 1 === chunk.length) return incomplete;
  if (chunk[at + 1] !== lineFeed) throw malformed('the end of a line');
  return at + endOfLine.length;
}

/** A server that ends lines with LF only has sent its whole head; the proxy must not wait for a CRLF. */
function refuseBareLineFeed(chunk: Buffer, from: number): void {
  for (let at = chunk.indexOf(lineFeed, from); at !== incomplete; at = chunk.indexOf(lineFeed, at + 1)) {
    if (chunk[at - 1] !== carriageReturn) throw malformed('the end of a line');
  }
}
