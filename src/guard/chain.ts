import type { IntersectionOf } from '../lib/option.js';
import type { OpenRequest, Operation, RequestContext } from '../request/context.js';
import type { Mount } from '../request/mount.js';
import {
  answered,
  type Guard,
  type GuardParts,
  type OpenCheck,
  type OperationCheck,
  type OperationGuard,
} from './guard.js';
import { type guards, inOrder } from './guards.js';
import { Rejection } from './rejection.js';

/** A rule without options must not change the types of the others' options. */
type ReadBy<Rule> = Rule extends { create(options: infer Options, parts: GuardParts): unknown }
  ? unknown extends Options
    ? never
    : Options
  : never;

/** The options that the guards of the core read. */
export type GuardOptions = IntersectionOf<ReadBy<(typeof guards)[number]>>;

interface CreatedGuard {
  readonly guard: Guard;
  readonly check: OpenCheck;
}

/**
 * The guards that the options turn on, in their order. A guard that is off, or does not judge a mount, costs the requests of that mount
 * nothing.
 */
export class GuardChain {
  readonly #guards: readonly CreatedGuard[];
  readonly #ofMounts = new WeakMap<Mount, readonly CreatedGuard[]>();

  /** @param guards In any order. */
  constructor(options: GuardOptions, guards: readonly Guard[], parts: GuardParts) {
    this.#guards = inOrder(guards).flatMap(guard => {
      const check = guard.create(options as never, parts, undefined);
      return check === undefined ? [] : [{ guard, check }];
    });
  }

  /**
   * Runs the guards, without a delay as long as none has to wait. `done` gets the first rejection. It is never called for a request that
   * has ended.
   */
  judge(request: RequestContext, done: (rejection?: Error) => void): void {
    this.#run(this.#guardsOf(request.mount), 0, request as OpenRequest, done);
  }

  /** Why a guard would reject an operation, whoever requested it; undefined if none would. Counts nothing. */
  rejectionOf(operation: Operation): Rejection | undefined {
    for (const { guard, check } of this.#guards) {
      if (!judgesOperations(guard) || !guard.judges(operation.mount)) continue;
      try {
        (check as OperationCheck)(operation);
      } catch (error) {
        if (error instanceof Rejection) return error;
        throw error;
      }
    }
    return undefined;
  }

  #run(
    guards: readonly CreatedGuard[],
    from: number,
    request: OpenRequest,
    done: (rejection?: Error) => void,
  ): void {
    // The client has left while a guard waited. The request has ended, and nothing would release a slot that it took now.
    if (request.record.hasEnded) return;
    try {
      for (let index = from; index < guards.length; index++) {
        const { check } = guards[index] as CreatedGuard;
        const verdict = check(request);
        if (verdict === undefined) continue;
        if (verdict === answered) return;
        verdict.then(() => this.#run(guards, index + 1, request, done), done);
        return;
      }
    } catch (rejection) {
      done(rejection as Error);
      return;
    }
    for (const recording of request.record.recordings) recording.received();
    done();
  }

  #guardsOf(mount: Mount): readonly CreatedGuard[] {
    let guards = this.#ofMounts.get(mount);
    if (guards === undefined) {
      guards = this.#guards.filter(({ guard }) => guard.judges(mount));
      this.#ofMounts.set(mount, guards);
    }
    return guards;
  }
}

function judgesOperations(guard: Guard): guard is OperationGuard {
  return 'judgesOperations' in guard;
}
