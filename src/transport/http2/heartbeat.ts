/** Looks without anything heard after which a PING is due, and after which the other side is gone: at 5 s, client-go's 30 s and 45 s. */
const looksUntilPing = 6;
const looksUntilEnd = 9;

/** Tells from what is heard between looks whether the other side is still there. */
export class Heartbeat {
  #wasHeard = true;
  #quietLooks = 0;

  /** Something came. */
  heard(): void {
    this.#wasHeard = true;
  }

  /** To be called every 5 s: what there is to do. */
  look(): 'nothing' | 'ping' | 'end' {
    this.#quietLooks = this.#wasHeard ? 0 : this.#quietLooks + 1;
    this.#wasHeard = false;
    if (this.#quietLooks >= looksUntilEnd) return 'end';
    return this.#quietLooks === looksUntilPing ? 'ping' : 'nothing';
  }
}
