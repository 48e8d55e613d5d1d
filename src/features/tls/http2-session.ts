import type { Server } from 'node:http';
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { fieldListSize, maxFields, ownAnswerFields } from '../../http/header-fields.js';
import { Http2Request } from './http2-request.js';
import { Http2Response, maxSentHead } from './http2-response.js';
import type { AbuseReason } from './metrics.js';
import { TokenBucket } from './token-bucket.js';

/**
 * Streams that a client resets before their answer is complete: many at once when a user leaves a page, and a slow rate after that
 * (CVE-2023-44487).
 */
const resets = { rate: 20, burst: 500 };
/** PING and SETTINGS frames, each of which must be answered. */
const controls = { rate: 20, burst: 500 };

/** Bytes that a client may send on one stream before they are read, and on one connection of a caller. HTTP/2 begins with 64 KB. */
const streamWindow = 256 * 1024;
const connectionWindow = 1024 * 1024;

/** Streams of a connection before a caller of it is known, and after, as in the API server. */
const strangersStreams = 20;
const callersStreams = 250;

/** Maximum bytes of a request's head, as with HTTP/1.1. */
const maxHeaderListSize = 128 * 1024;

/**
 * nghttp2 and Node have further limits: CONTINUATION frames of a head (8), bytes of one field (64 KB), streams past the limit (100 in a
 * row), malformed heads and empty DATA frames (1,000 on a connection), acknowledgements that a client does not read (1,000).
 */
const sessionOptions = {
  settings: { maxConcurrentStreams: callersStreams, initialWindowSize: streamWindow, maxHeaderListSize },
  maxHeaderListPairs: maxFields,
  maxSessionRejectedStreams: 100,
  maxSendHeaderBlockLength: maxSentHead,
  // Megabytes. The default of 10 is too little for 250 slow readers of large lists.
  maxSessionMemory: 128,
  // By default nghttp2 drops a field with a space at either end and says nothing, so that no rule sees it.
  strictFieldWhitespaceValidation: false,
};

const strangersOptions = {
  ...sessionOptions,
  settings: { ...sessionOptions.settings, maxConcurrentStreams: strangersStreams },
};

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

/** Whether the requests of a session have fields with a space at either end: older versions of Node ignore the option. */
export const seesEveryField = major > 24 || (major === 24 && minor >= 2) || (major === 22 && minor >= 17);

/** The number of checks after which a silent client gets a PING (`ask`), and after which it counts as gone (`end`). */
export interface Patience {
  readonly ask: number;
  readonly end: number;
}

/** Bytes of a PING frame (RFC 9113, section 6.7). */
const pingSize = 17;

/** One HTTP/2 connection. The server emits its requests as `request` events, like those of HTTP/1.1. */
export class Http2Session {
  readonly #session: ServerHttp2Session;
  readonly #closeByNode: () => void;
  readonly #socket: TLSSocket;
  readonly #server: Server;
  readonly #onAbuse: (reason: AbuseReason) => void;
  /** Whether no caller of the connection is known. */
  #isStrange: boolean;
  readonly #resets = new TokenBucket(resets);
  readonly #controls = new TokenBucket(controls);
  readonly #responses = new Set<Http2Response>();
  #idleSince = performance.now();
  #used = false;
  /** The number of checks since the client last sent or read something. */
  #silence = 0;
  #bytesRead = 0;
  #bytesWritten = 0;
  /** The number of bytes that had been written when the client last answered a PING. */
  #confirmed = 0;
  #asked = false;
  /** Whether the connection accepts no more requests. */
  #isLeaving = false;
  #isAbused = false;
  /** Whether bytes waited for the connection at the last check. */
  #waited = false;

  /** @param authenticates Whether the connection may have less until a caller of it is known. */
  constructor(
    server: Server,
    socket: TLSSocket,
    authenticates: boolean,
    onAbuse: (reason: AbuseReason) => void,
  ) {
    this.#server = server;
    this.#socket = socket;
    this.#isStrange = authenticates;
    this.#onAbuse = onAbuse;
    // An HTTP/1.1 server accepts half-open connections. Here, a client that has left would not be noticed.
    socket.allowHalfOpen = false;
    this.#session = performServerHandshake(socket, authenticates ? strangersOptions : sessionOptions);
    this.#closeByNode = this.#session.close.bind(this.#session);
    // Node calls `close` when a client sends GOAWAY.
    this.#session.close = () => void setImmediate(() => this.close());
    if (!authenticates) this.#session.setLocalWindowSize(connectionWindow);
    const onControl = () => {
      if (!this.#controls.take()) this.#endForAbuse('controls');
    };
    this.#session
      // An error ends the session, and so all its streams.
      .on('error', () => {})
      .on('ping', onControl)
      .on('remoteSettings', onControl)
      .on('stream', this.#onStream);
  }

  /** How many milliseconds the connection has had no request, and whether it ever had one; undefined while a request is open. */
  get idle(): { readonly time: number; readonly used: boolean } | undefined {
    if (this.#responses.size > 0) return undefined;
    return { time: performance.now() - this.#idleSince, used: this.#used };
  }

  /**
   * Accepts no more requests (GOAWAY), and ends the connection when the open ones are answered. This does not use Node's own `close`: if a
   * stream comes before the GOAWAY is sent, Node's `close` resets the stream, and frees it while nghttp2 still reads its head (heap
   * corruption, seen with Node 20.20.2 and valgrind). Must not be called from a callback of nghttp2.
   */
  close(): void {
    if (this.#isLeaving || this.#session.destroyed) return;
    this.#isLeaving = true;
    if (this.#responses.size > 0) this.#session.goaway();
    else this.#end();
  }

  /**
   * Ends a connection without requests. Node's `close` waits until the client closes too; `destroy` stops reading. No bytes are read
   * between the two.
   */
  #end(): void {
    if (this.#session.destroyed) return;
    this.#closeByNode();
    this.#session.destroy();
  }

  /**
   * Cuts off the connection with all its streams, immediately. Node's own end of a session waits until the client has read everything; if
   * the client has gone, it waits for ever.
   */
  destroy(): void {
    this.#session.destroy();
    this.#socket.destroy();
  }

  /**
   * Ends the connection when its client is gone; call this at intervals. Node stops reading while a write is in progress, and does not
   * start again after a failed write, so it may notice neither an end nor a reset. A silent client with open requests gets a PING. If the
   * client stays silent and reads nothing of what waits for it, it is cut off. This counts checks, not time: a process that was suspended
   * first reads what has come meanwhile.
   */
  check(patience: Patience): void {
    this.#silence += 1;
    if (this.#session.destroyed) {
      // The client has had time to read the reason.
      if (this.#silence > patience.ask) this.destroy();
    } else if (this.#isHeard() || this.#responses.size === 0) {
      this.#silence = 0;
      this.#asked = false;
    } else if (this.#asked) {
      if (this.#silence >= patience.end) this.destroy();
    } else if (this.#silence >= patience.ask && this.#socket.bytesWritten !== this.#confirmed) {
      this.#ask();
    }
  }

  /** Whether the client has sent something since the last check, or read some of what waited for it. */
  #isHeard(): boolean {
    const { bytesRead, bytesWritten } = this.#socket;
    const isHeard =
      bytesRead !== this.#bytesRead || (this.#waited && bytesWritten > this.#bytesWritten + pingSize);
    this.#bytesRead = bytesRead;
    this.#bytesWritten = bytesWritten;
    this.#waited = false;
    for (const { stream } of this.#responses) this.#waited ||= stream.writableLength > 0;
    return isHeard;
  }

  #ask(): void {
    this.#asked = true;
    this.#session.ping(error => {
      if (error === null) this.#confirmed = this.#socket.bytesWritten;
    });
  }

  #callerIsKnown = (): void => {
    if (!this.#isStrange || this.#session.destroyed) return;
    this.#isStrange = false;
    this.#session.settings({ maxConcurrentStreams: callersStreams });
    this.#session.setLocalWindowSize(connectionWindow);
  };

  #onStream = (
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    _flags: number,
    rawHeaders: readonly string[] = [],
  ): void => {
    // Without a listener, a reset by the client would end the process.
    stream.on('error', () => {});
    this.#used = true;
    // The GOAWAY that is being sent tells the client that this stream was not processed, and closes it.
    if (this.#isLeaving || this.#isAbused) return;
    if (stream.closed || stream.destroyed) {
      this.#countReset();
      return;
    }
    const request = new Http2Request(stream, this.#socket, headers, rawHeaders);
    const response = new Http2Response(request, this.#callerIsKnown);
    this.#responses.add(response);
    stream.once('close', () => {
      this.#responses.delete(response);
      this.#idleSince = performance.now();
      const isBroken = !response.writableEnded || stream.rstCode !== constants.NGHTTP2_NO_ERROR;
      if (isBroken && !response.wasCut) this.#countReset();
      if (this.#isLeaving && this.#responses.size === 0) setImmediate(() => this.#end());
    });
    // The rest of the body is not needed; without this reset, the client would keep the request open (RFC 9113, section 8.1).
    const refuseRest = () => {
      if (!request.complete && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
    };
    // An answer is sent one turn of the event loop after it is finished.
    stream.once('finish', () =>
      setImmediate(() => {
        if (stream.state.localClose === 1) refuseRest();
      }),
    );
    // nghttp2 only enforces the limit once the client has acknowledged it.
    if (fieldListSize(rawHeaders) > maxHeaderListSize) {
      response.writeHead(431, ownAnswerFields);
      response.end();
      return;
    }
    if (headers.expect?.toLowerCase() === '100-continue') {
      stream.additionalHeaders({ ':status': 100 });
    } else if (headers.expect !== undefined) {
      response.writeHead(417, ownAnswerFields);
      response.end();
      return;
    }
    this.#server.emit('request', request, response);
  };

  #countReset(): void {
    if (!this.#resets.take()) this.#endForAbuse('resets');
  }

  /** Ends the session in a later turn: nghttp2 may still use a stream that this frees. */
  #endForAbuse(reason: AbuseReason): void {
    if (this.#session.destroyed || this.#isAbused) return;
    this.#isAbused = true;
    this.#onAbuse(reason);
    setImmediate(() => {
      this.#session.destroy(new Error(`too many ${reason}`), constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
  }
}
