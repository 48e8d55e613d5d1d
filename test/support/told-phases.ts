import assert from 'node:assert/strict';
import type { PhaseObserver } from '../../src/lib/phases.js';

/** What requests have waited for. */
export class ToldPhases implements PhaseObserver {
  readonly names: string[] = [];
  readonly #shared: (object | undefined)[] = [];

  phase(name: string, _from: number, _to: number, _error?: unknown, shared?: object): void {
    this.names.push(name);
    this.#shared.push(shared);
  }

  /** Two requests, and no other, have waited for the same one of this name. */
  assertOneForTwo(name: string): void {
    assert.deepEqual(this.names, [name, name]);
    const [one, other] = this.#shared;
    assert.ok(one !== undefined && one === other);
  }
}
