import type { IntersectionOf } from '../lib/option.js';
import type { RequestContext } from '../request/context.js';
import type { Mount } from '../request/mount.js';
import { type AnswerFields, answered, type Check, type Guard, type GuardParts } from './guard.js';
import { answerRules, guards } from './guards.js';

/** A rule that reads no options leaves the others' alone. */
type ReadBy<Rule> = Rule extends { create(options: infer Options, parts: GuardParts): unknown }
  ? unknown extends Options
    ? never
    : Options
  : never;

/** The options that the guards read. */
export type GuardOptions = IntersectionOf<ReadBy<(typeof guards)[number] | (typeof answerRules)[number]>>;

/** The guards that the options ask for, in their order. Those that are not in force, or do not judge a mount, cost its requests nothing. */
export class GuardChain {
  readonly #guards: readonly { readonly guard: Guard; readonly check: Check }[];
  readonly #answerFields: readonly AnswerFields[];
  readonly #checks = new WeakMap<Mount, readonly Check[]>();

  constructor(options: GuardOptions, parts: GuardParts) {
    this.#guards = (guards as readonly Guard[]).flatMap(guard => {
      const check = guard.create(options as never, parts);
      return check === undefined ? [] : [{ guard, check }];
    });
    this.#answerFields = answerRules.flatMap(rule => rule.create(options, parts) ?? []);
  }

  /** Puts the fields of the answer rules on whatever the answer will be. */
  addAnswerFields(request: RequestContext): void {
    for (const fieldsOf of this.#answerFields) {
      const fields = fieldsOf(request);
      if (fields !== undefined) addAnswerFields(request, fields);
    }
  }

  /** Runs the guards, at once as long as none has to wait. `done` gets the first rejection, and is never called for a request that has ended. */
  judge(request: RequestContext, done: (rejection?: Error) => void): void {
    this.#run(this.#checksOf(request.mount), 0, request, done);
  }

  #run(
    checks: readonly Check[],
    from: number,
    request: RequestContext,
    done: (rejection?: Error) => void,
  ): void {
    // The client has left while a guard waited: the request has ended, and nothing would release a slot that it took now.
    if (request.hasEnded) return;
    try {
      for (let index = from; index < checks.length; index++) {
        const verdict = checks[index]?.(request);
        if (verdict === undefined) continue;
        if (verdict === answered) return;
        verdict.then(() => this.#run(checks, index + 1, request, done), done);
        return;
      }
    } catch (rejection) {
      done(rejection as Error);
      return;
    }
    request.record.audit?.received();
    done();
  }

  #checksOf(mount: Mount): readonly Check[] {
    let checks = this.#checks.get(mount);
    if (checks === undefined) {
      checks = this.#guards.filter(({ guard }) => guard.judges(mount)).map(({ check }) => check);
      this.#checks.set(mount, checks);
    }
    return checks;
  }
}

/** One answer is this program's own, and another the API server's, which is written past the reply. */
function addAnswerFields(request: RequestContext, fields: readonly string[]): void {
  const before = request.answerHeaders;
  request.answerHeaders = before === undefined ? fields : [...before, ...fields];
  for (let index = 0; index < fields.length; index += 2) {
    request.reply.header(fields[index] as string, fields[index + 1]);
  }
}
