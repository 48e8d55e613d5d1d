import type { Cluster } from '../clusters/cluster.js';
import type { Endpoint } from '../clusters/endpoint.js';
import { OwnRefusalError } from '../clusters/own-request.js';
import { impersonationOf } from '../kubernetes/impersonation.js';
import type { ConstrainedRights, ImpersonatedAttribute } from '../kubernetes/impersonation-rights.js';
import { refusedGroup } from '../kubernetes/refused-group.js';
import type { RequestedUser } from '../kubernetes/requested-user.js';
import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import { parseObject } from '../lib/json.js';
import type { PhaseObserver } from '../lib/phases.js';
import { refusedCredential, UpstreamError } from '../transport/upstream-error.js';
import { type Attributes, impersonateOn, verbOf } from './attributes.js';
import { TooManyReviewsError } from './authorizer.js';
import { ForbiddenError, forbiddenMessage } from './forbidden.js';
import type { Question, Reviews } from './reviews.js';

/** Who asks to impersonate, and the API server that decides. */
interface Impersonator {
  readonly caller: UserInfo;
  readonly cluster: Cluster;
  /** The endpoint that the caller's request is judged for. No other one may answer a review. */
  readonly endpoint: Endpoint;
  readonly mount: { readonly namesContext: boolean };
  /** Is told how long the caller's request waits. */
  readonly phases?: PhaseObserver | undefined;
}

/** A user that a caller acts as, with the permission of the API server. */
export interface PermittedUser extends Pick<RequestedUser, 'user' | 'headers'> {
  /** The caller's rights that have decided it, all of them. */
  readonly by: readonly Attributes[];
}

/**
 * Asks whether a caller may do something as a user, by reviews that are sent as the caller. Resolves to the rights that decide it: those of
 * legacy impersonation, or else those of constrained impersonation, as an API server decides it that has both. Rejects with a StatusError: of
 * 403 in the API server's words about a right that the caller lacks, of 503 if the API server does not say it or has too many reviews of
 * the caller, of 502 if it refuses the proxy's own credential.
 *
 * @param wish What the request does.
 */
export async function permitUser(
  reviews: Pick<Reviews, 'ask'>,
  impersonator: Impersonator,
  { legacy, constrained }: Pick<RequestedUser, 'legacy' | 'constrained'>,
  wish: Attributes,
): Promise<readonly Attributes[]> {
  const rights = new CallerRights(reviews, impersonator);
  const asked = legacy.map(attributeOf);
  const refusals = await rights.refusals(asked);
  const [refusal] = refusals;
  if (refusal === undefined) return asked;
  // An added authorizer that denies the verb `impersonate` is older than the other verbs, and means these too.
  if (constrained === undefined || constrained.impossible !== undefined || !refusals.every(isOfServer))
    throw refusal;
  return rights.constrained(constrained, wish, refusal);
}

/** Asks again for the rights that have decided it. Otherwise as `permitUser`. */
export async function permitAgain(
  reviews: Pick<Reviews, 'ask'>,
  impersonator: Impersonator,
  { by }: Pick<PermittedUser, 'by'>,
): Promise<void> {
  const [refusal] = await new CallerRights(reviews, impersonator).refusals(by);
  if (refusal !== undefined) throw refusal;
}

/** Whether these are rights of constrained impersonation. */
export function isConstrained(by: readonly Attributes[]): boolean {
  return by.some(attributes => verbOf(attributes).startsWith('impersonate-on:'));
}

/** The rights of one caller to impersonate. */
class CallerRights {
  readonly #reviews: Pick<Reviews, 'ask'>;
  readonly #impersonator: Impersonator;

  constructor(reviews: Pick<Reviews, 'ask'>, impersonator: Impersonator) {
    this.#reviews = reviews;
    this.#impersonator = impersonator;
  }

  /** Why the caller does not have these, in their order; empty if it has all. */
  async refusals(asked: readonly Attributes[]): Promise<readonly StatusError[]> {
    const refusals = await Promise.all(asked.map(attributes => this.#refusal(attributes)));
    return refusals.filter(refusal => refusal !== undefined);
  }

  /**
   * The rights of constrained impersonation that decide it. Rejects with the missing one, or with the refusal of legacy impersonation for a
   * caller who has no right to impersonate this user in the other way.
   */
  async constrained(
    { mode, sets }: ConstrainedRights,
    wish: Attributes,
    ofLegacy: StatusError,
  ): Promise<readonly Attributes[]> {
    const on = impersonateOn(mode, wish);
    const refusal = await this.#refusal(on);
    if (refusal !== undefined) {
      const [name] = await this.refusals(sets[0].each.map(attributeOf));
      throw name === undefined || !isOfServer(refusal) ? refusal : ofLegacy;
    }
    const decided = await Promise.all(sets.map(set => this.#decided(set)));
    return [on, ...decided.flat()];
  }

  async #decided({ all, each }: ConstrainedRights['sets'][number]): Promise<readonly Attributes[]> {
    const whole = all === undefined ? [] : [attributeOf(all)];
    const [refused] = await this.refusals(whole);
    if (all !== undefined && refused === undefined) return whole;
    if (refused !== undefined && !isOfServer(refused)) throw refused;
    const asked = each.map(attributeOf);
    const [refusal] = await this.refusals(asked);
    if (refusal !== undefined) throw refusal;
    return asked;
  }

  async #refusal(attributes: Attributes): Promise<StatusError | undefined> {
    const { caller, phases } = this.#impersonator;
    try {
      const verdict = await this.#reviews.ask(impersonationQuestion(this.#impersonator, attributes), phases);
      const { isAllowed, hasError, reason, deniedBy } = verdict;
      // The API server refuses an impersonation about which its authorizer has an error, whatever else that says.
      if (isAllowed && !hasError) return undefined;
      return new ForbiddenError(forbiddenMessage(caller.username, attributes, reason), deniedBy);
    } catch (error) {
      return withoutAnswer(error as Error, caller);
    }
  }
}

function attributeOf(resourceAttributes: ImpersonatedAttribute): Attributes {
  return { resourceAttributes };
}

/** Whether the API server itself says that the caller may not do it. */
function isOfServer(error: StatusError): boolean {
  return error instanceof ForbiddenError && error.deniedBy === undefined;
}

/** Whether the caller has this right to impersonate. */
export function impersonationQuestion(
  { caller, cluster, endpoint, mount }: Impersonator,
  attributes: Attributes,
): Question {
  return {
    ...{ cluster, as: impersonationOf(caller), attributes },
    access: { judgedFor: endpoint.identity, namesContext: mount.namesContext },
  };
}

/** The error for the caller when a review has no answer, or another one than whether the caller is allowed. */
function withoutAnswer(error: Error, { groups }: UserInfo): StatusError {
  if (error instanceof StatusError && (error.code === 503 || error.code === 403)) return error;
  if (error instanceof UpstreamError && error.reason === 'credential') return error;
  if (error instanceof OwnRefusalError) {
    if (error.status === 401) return refusedCredential();
    // The caller may not ask, or the proxy may not act as the caller.
    if (error.status < 500 && error.status !== 429) {
      return refusedGroup(error.body, groups) ?? new StatusError(403, messageOf(error));
    }
  }
  if (error instanceof TooManyReviewsError) {
    const message = `${error.asked} has too many questions at this moment about whom you may impersonate; try again`;
    return new StatusError(503, message, { retryAfterSeconds: 1 });
  }
  const reason = error instanceof UpstreamError ? error.reason : 'other';
  const message = `it is not known whether you may impersonate: ${error.message}`;
  return new UpstreamError(503, reason, message, { cause: error });
}

/** The message of the API server's Status. */
function messageOf({ body, message }: OwnRefusalError): string {
  return String(parseObject(body)?.['message'] ?? message);
}
