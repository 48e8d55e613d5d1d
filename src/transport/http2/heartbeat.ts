/**
 * The number of checks without a byte from the peer until a PING is due, and until the peer counts as lost. With 5 s per check these are
 * client-go's 30 s and 45 s.
 */
const checksUntilPing = 6;
const checksUntilEnd = 9;

/** Decides whether the peer is still there, by whether bytes have come between two checks. */
export class Heartbeat {
  #hasReceived = true;
  #quietChecks = 0;

  /** Bytes have come. */
  received(): void {
    this.#hasReceived = true;
  }

  /** Must be called every 5 s. Returns what the caller has to do. */
  check(): 'nothing' | 'ping' | 'end' {
    this.#quietChecks = this.#hasReceived ? 0 : this.#quietChecks + 1;
    this.#hasReceived = false;
    if (this.#quietChecks >= checksUntilEnd) return 'end';
    return this.#quietChecks === checksUntilPing ? 'ping' : 'nothing';
  }
}
