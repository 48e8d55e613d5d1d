import { userOfImpersonation } from '../../kubernetes/impersonation.js';
import { digest } from '../../lib/json.js';
import type { Sender } from './watch-to-share.js';

/** As how many users a watch is sent, one after another, if the API server refuses them. */
const most = 3;

/**
 * What follows when the API server has refused the sender of a watch: another client's user may be one (`another`), enough of them were
 * refused (`enough`), or there is no other user (`same`).
 */
export type AfterRefusal = 'another' | 'enough' | 'same';

/** As whom a watch is sent: as the user of one of its clients. */
export class Senders {
  current: Sender;
  /** The users who were refused since the API server last accepted one, or since there was no other. */
  readonly #refused = new Set<string>();
  #isRoundOver = false;

  constructor(first: Sender) {
    this.current = first;
  }

  /** Whether the watch may be sent as this client. Then it is the current one. */
  take(sender: Sender): boolean {
    if (this.#isRoundOver) this.#beginRound();
    if (!this.#mayBe(sender)) return false;
    this.current = sender;
    return true;
  }

  #mayBe(sender: Sender): boolean {
    return this.#refused.size === 0 || !this.#refused.has(senderKey(sender));
  }

  /** The API server has accepted the watch. */
  accepted(): void {
    this.#beginRound();
  }

  #beginRound(): void {
    this.#refused.clear();
    this.#isRoundOver = false;
  }

  /** The API server has refused the current one, or has not answered it. */
  refused(clients: Iterable<{ readonly sender: Sender }>): AfterRefusal {
    this.#refused.add(senderKey(this.current));
    this.#isRoundOver = false;
    if (this.#refused.size === most) return 'enough';
    for (const { sender } of clients) if (this.#mayBe(sender)) return 'another';
    this.#isRoundOver = true;
    return 'same';
  }
}

/** Equal for two clients of the same user. */
export function senderKey({ impersonation }: Sender): string {
  return digest([userOfImpersonation(impersonation)]);
}
