import { mostControlBytes, opcodes, WebSocketFrames } from '../../../proxy/relay/websocket-frames.js';

/** RFC 6455, section 7.4.1. */
const protocolError = 1002;

/** What a client says to a server that only sends. */
interface QuietClient {
  /** It wants this answer. */
  pong(payload: Buffer): void;
  /** It closes the connection, or breaks the protocol: then it gets a close frame with this code first. */
  close(code?: number): void;
}

/** The largest frame of a client, in bytes (golang.org/x/net/websocket, `DefaultMaxPayloadBytes`). */
const largestFrame = 32 * 1024 * 1024;
const maskBytes = 4;

/**
 * Reads the frames of a client for a server that only sends, as kube-apiserver does (golang.org/x/net/websocket, `HandleFrame`): messages
 * mean nothing to it, of a ping it answers the first 125 bytes, and what is not masked breaks the protocol.
 */
export class ClientFrames extends WebSocketFrames {
  readonly #client: QuietClient;
  /** The mask, and as much of the payload of a ping as is answered; undefined between pings. */
  #ping: Buffer | undefined;
  /** How many bytes of the mask and the payload have come, and how many there are. */
  #read = 0;
  #total = 0;

  constructor(client: QuietClient) {
    super(() => {});
    this.#client = client;
  }

  protected override begins(opcode: number, isMasked: boolean, length: number): void {
    if (!isMasked) this.#client.close(protocolError);
    else if (opcode === opcodes.close || (opcode < opcodes.close && length > largestFrame))
      this.#client.close();
    else if (opcode === opcodes.ping) {
      this.#ping = Buffer.alloc(maskBytes + Math.min(length, mostControlBytes));
      this.#read = 0;
      this.#total = maskBytes + length;
    }
  }

  protected override skips(bytes: Buffer, from: number, to: number): void {
    const ping = this.#ping;
    if (ping === undefined) return;
    bytes.copy(ping, this.#read, from, to);
    this.#read += to - from;
    if (this.#read < this.#total) return;
    this.#ping = undefined;
    const payload = ping.subarray(maskBytes);
    for (const [index, byte] of payload.entries())
      payload[index] = byte ^ (ping[index % maskBytes] as number);
    this.#client.pong(payload);
  }
}
