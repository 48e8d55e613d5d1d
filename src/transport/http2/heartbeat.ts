/** Quiet checks until a PING is due, and until the peer counts as gone: at 5 s a check, client-go's 30 s and 45 s. */
const checksUntilPing = 6;
const checksUntilEnd = 9;

/** Finds out from what comes between two checks whether the peer is still there. */
export class Heartbeat {
  #wasHeard = true;
  #quietChecks = 0;

  /** Something came. */
  heard(): void {
    this.#wasHeard = true;
  }

  /** To be called every 5 s. Returns what to do. */
  check(): 'nothing' | 'ping' | 'end' {
    this.#quietChecks = this.#wasHeard ? 0 : this.#quietChecks + 1;
    this.#wasHeard = false;
    if (this.#quietChecks >= checksUntilEnd) return 'end';
    return this.#quietChecks === checksUntilPing ? 'ping' : 'nothing';
  }
}
