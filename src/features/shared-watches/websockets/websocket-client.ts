import { Duplex } from 'node:stream';
import { closeFrame, frame, normalClosure, opcodes } from '../../../proxy/relay/websocket-frames.js';
import { type BorrowedBytes, lastingBytes } from '../../../transport/borrowed-bytes.js';
import type { BodySink, ResponseSink, RoundTrip, SwitchedSocket } from '../../../transport/round-trip.js';
import { eventFormatOf } from '../event-reader.js';
import type { EventFormat } from '../watch-event.js';
import { ClientFrames } from './client-frames.js';

/** Makes messages of events. What many clients get one after the other is framed once. */
export class Messages {
  #last: { readonly events: BorrowedBytes; readonly messages: Buffer } | undefined;

  /** The messages of events: each is one, in one frame (apiserver `endpoints/handlers/watch.go`, `HandleWS`). */
  of(events: BorrowedBytes, format: EventFormat): Buffer {
    if (this.#last?.events !== events) this.#last = { events, messages: framed(events.view(), format) };
    return this.#last.messages;
  }
}

function framed(events: Buffer, { frames, prefixLength, isText }: EventFormat): Buffer {
  const reader = frames();
  const messages: Buffer[] = [];
  for (let start = 0; start < events.length; ) {
    const end = reader.readFrame(events, start) as number;
    const event = events.subarray(start + prefixLength, end);
    messages.push(frame(isText ? opcodes.text : opcodes.binary, event));
    start = end;
  }
  return messages.length === 1 ? (messages[0] as Buffer) : Buffer.concat(messages);
}

/** The way of a shared watch to a client over a WebSocket: it switches protocols as kube-apiserver does, and makes messages of events. */
export class WebSocketClient implements ResponseSink, BodySink {
  readonly #handshake: readonly string[];
  readonly #sink: ResponseSink;
  readonly #messages: Messages;
  #format: EventFormat | undefined;
  #socket: WatchSocket | undefined;
  /** The watch of the client. It is paused while the client does not read. */
  trip: RoundTrip | undefined;

  /** @param handshake The fields of the 101. */
  constructor(handshake: readonly string[], sink: ResponseSink, messages: Messages) {
    this.#handshake = handshake;
    this.#sink = sink;
    this.#messages = messages;
  }

  head(_statusCode: number, _statusMessage: string, headers: string[]): BodySink {
    this.#format = eventFormatOf(headers);
    const socket = new WatchSocket(() => this.trip);
    this.#socket = socket;
    const statusMessage = 'Switching Protocols';
    socket.begin(this.#sink.switched?.({ statusMessage, headers: this.#handshake, socket }));
    return this;
  }

  data(events: BorrowedBytes): void {
    this.#socket?.send(this.#messages.of(events, this.#format as EventFormat));
  }

  idle(): void {}

  end(): void {
    this.#socket?.finish();
  }

  error(error: Error): void {
    if (this.#socket === undefined) this.#sink.error(error);
    else this.#socket.destroy(error);
  }
}

/** The end of a WebSocket that sends messages, and reads what its client says. */
class WatchSocket extends Duplex implements SwitchedSocket {
  readonly #trip: () => RoundTrip | undefined;
  readonly #frames = new ClientFrames({
    pong: payload => this.send(frame(opcodes.pong, payload)),
    close: code => {
      if (code !== undefined) this.send(closeFrame(code, ''));
      this.#leave();
    },
  });
  /** The way to the client. */
  #way: BodySink | undefined;
  #isFinished = false;
  /** Whether the client does not read. Then it gets no more events, and no answer to its pings. */
  #isPaused = false;
  /** Lets the client send more. */
  #readOn: (() => void) | undefined;

  constructor(trip: () => RoundTrip | undefined) {
    super();
    this.#trip = trip;
    this.once('end', () => this.destroySoon());
    // What the client has sent so far is read when there is a way back.
    this.cork();
  }

  /** @param way Undefined if the client's connection ends. */
  begin(way: BodySink | undefined): void {
    this.#way = way;
    this.uncork();
    if (way === undefined) this.destroy();
  }

  send(frames: Buffer): void {
    if (!this.#isFinished) this.#way?.data(lastingBytes(frames));
  }

  /** Closes the connection as kube-apiserver does, whatever the end of the watch. */
  finish(): void {
    if (this.#isFinished) return;
    this.send(closeFrame(normalClosure, ''));
    this.#isFinished = true;
    this.push(null);
  }

  #leave(): void {
    this.#trip()?.abort();
    this.finish();
  }

  override pause(): this {
    this.#isPaused = true;
    this.#trip()?.pause();
    return super.pause();
  }

  override resume(): this {
    if (this.#isPaused) {
      this.#isPaused = false;
      this.#readOn?.();
      this.#readOn = undefined;
      this.#trip()?.resume();
    }
    return super.resume();
  }

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, callback: () => void): void {
    if (!this.#isFinished) this.#frames.read(bytes);
    if (this.#isPaused) this.#readOn = callback;
    else callback();
  }

  /** The client sends nothing more. */
  override _final(callback: () => void): void {
    this.#leave();
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#trip()?.abort();
    callback(error);
  }

  destroySoon(): void {
    this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }
}
