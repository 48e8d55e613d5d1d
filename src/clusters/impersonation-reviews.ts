import { impersonationOf } from '../kubernetes/impersonation.js';
import { refusedGroup } from '../kubernetes/refused-group.js';
import { forbiddenMessage, type ImpersonatedAttribute } from '../kubernetes/requested-user.js';
import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { Clock } from '../lib/clock.js';
import { digest } from '../lib/digest.js';
import { FairSlots } from '../lib/fair-slots.js';
import { Moment } from '../lib/moment.js';
import { SharedCapacity } from '../lib/shared-capacity.js';
import { refusedCredential, UpstreamError } from '../transport/upstream-error.js';
import { ReviewError, reviewAccess } from './access-review.js';
import type { Cluster } from './cluster.js';
import type { Endpoint } from './endpoint.js';

/** Who asks to impersonate, and the API server that decides. */
interface Impersonator {
  readonly caller: UserInfo;
  readonly cluster: Cluster;
  /** The endpoint that the caller's request is judged for. No other one may answer a review. */
  readonly endpoint: Endpoint;
  readonly mount: { readonly namesContext: boolean };
}

/** Milliseconds for which the API server's permission is valid. */
const lifetime = 10_000;
/** How many permissions are remembered, over all clusters. */
const capacity = 4096;
/**
 * How many reviews of one caller a cluster gets at a time. A request may need 64 of them. Each takes a connection, and goes on if the caller
 * leaves.
 */
const mostAtATime = 512;

/** What an endpoint has said. */
interface Answers {
  /** When each permission was asked for. */
  readonly permissions: Map<string, Moment>;
  /** The reviews that have no answer yet. */
  readonly pending: Map<string, Promise<void>>;
}

/**
 * Asks the API server whether a caller may impersonate, by reviews that are sent as the caller. Only permissions are remembered, each for
 * one endpoint and one caller with all that is known of the caller. Requests that need the same answer at the same time share a review.
 */
export class ImpersonationReviews {
  readonly #clock: Clock;
  readonly #capacity = new SharedCapacity(capacity);
  readonly #answers = new WeakMap<Endpoint, Answers>();
  readonly #slots = new FairSlots<string>(Number.POSITIVE_INFINITY, () => mostAtATime);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Resolves if the caller may impersonate all of these. Rejects with a StatusError: of 403 in the API server's words about the first one
   * that the caller may not impersonate, of 503 if the API server does not say it or has too many reviews of the caller, of 502 if it
   * refuses the proxy's own credential.
   */
  async permit(impersonator: Impersonator, attributes: readonly ImpersonatedAttribute[]): Promise<void> {
    const reviews = await Promise.allSettled(attributes.map(asked => this.#review(impersonator, asked)));
    const [failed] = reviews.filter(review => review.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #review(impersonator: Impersonator, asked: ImpersonatedAttribute): Promise<void> {
    const { permissions, pending } = this.#answersOf(impersonator.endpoint);
    const key = digest([impersonationOf(impersonator.caller), asked]);
    const permitted = permissions.get(key);
    if (permitted !== undefined && permitted.age < lifetime) return;
    let review = pending.get(key);
    if (review === undefined) {
      const since = new Moment(this.#clock);
      review = this.#askInLimits(impersonator, asked)
        .then(() => this.#capacity.set(permissions, key, since))
        .finally(() => pending.delete(key));
      pending.set(key, review);
    }
    await review;
  }

  async #askInLimits(impersonator: Impersonator, asked: ImpersonatedAttribute): Promise<void> {
    const party = digest([impersonator.cluster.name, impersonator.caller.username]);
    if (!this.#slots.takeNow(party)) {
      const message =
        'the API server has too many questions at this moment about whom you may impersonate; try again';
      throw new StatusError(503, message, { retryAfterSeconds: 1 });
    }
    await ask(impersonator, asked).finally(() => this.#slots.giveBack(party));
  }

  #answersOf(endpoint: Endpoint): Answers {
    let answers = this.#answers.get(endpoint);
    if (answers === undefined) {
      answers = { permissions: this.#capacity.createMap(), pending: new Map() };
      this.#answers.set(endpoint, answers);
    }
    return answers;
  }
}

/** Asks the API server once. Rejects like `permit`. */
async function ask(
  { caller, cluster, endpoint, mount }: Impersonator,
  asked: ImpersonatedAttribute,
): Promise<void> {
  const { allowed, reason, evaluationError } = await reviewAccess(
    cluster,
    'SelfSubjectAccessReview',
    { resourceAttributes: asked },
    { as: impersonationOf(caller), judgedFor: endpoint.identity, namesContext: mount.namesContext },
  ).catch((error: Error) => {
    throw withoutAnswer(error, caller);
  });
  // The API server refuses an impersonation about which its authorizer has an error, whatever else that says.
  if (allowed !== true || (evaluationError ?? '') !== '') {
    const because = typeof reason === 'string' ? reason : '';
    throw new StatusError(403, forbiddenMessage(caller.username, asked, because));
  }
}

/** The error for the caller when a review has no answer, or another one than whether the caller is allowed. */
function withoutAnswer(error: Error, { groups }: UserInfo): StatusError {
  if (error instanceof StatusError && error.code === 503) return error;
  if (error instanceof UpstreamError && error.reason === 'credential') return error;
  if (error instanceof ReviewError) {
    if (error.status === 401) return refusedCredential();
    // The caller may not ask, or the proxy may not act as the caller.
    if (error.status < 500 && error.status !== 429) {
      return refusedGroup(error.body, groups) ?? new StatusError(403, messageOf(error));
    }
  }
  const reason = error instanceof UpstreamError ? error.reason : 'other';
  const message = `it is not known whether you may impersonate: ${error.message}`;
  return new UpstreamError(503, reason, message, { cause: error });
}

/** The message of the API server's Status. */
function messageOf({ body, message }: ReviewError): string {
  try {
    return String((JSON.parse(body) as { message?: unknown }).message ?? message);
  } catch {
    return message;
  }
}
